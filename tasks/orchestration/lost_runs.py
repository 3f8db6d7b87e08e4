"""
Find lost runs on the pools of Prefect's own workers: Running or Pending by its books, and no process executes them.

Such a worker that was killed with its machine knows nothing of its runs when it is back. A run of ours shows its
progress at least once a minute, so one that shows none for a long time has no process. A warm worker knows its runs.
"""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterType
from prefect.client.schemas.sorting import ArtifactSort

from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.paging import read_all

RUNNING_SECONDS = 300.0
PENDING_SECONDS = 900.0
"""A container may have to be fetched, and a machine for it to be started."""

SECONDS_BETWEEN_SEARCHES = 30.0
LONGEST_PAUSE_SECONDS = 90.0
"""After a longer pause between two searches, an outage or a frozen process, no silence is held against a run."""


@dataclass(frozen=True, slots=True)
class _Sign:
    """The last sign of life of a run, and its time on our own clock: those of two machines may differ."""

    shown: tuple[object, ...]
    since: float


class LostRuns:
    """Tracks the last sign of life of each run."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._signs: dict[UUID, _Sign] = {}
        self._searched_at = -math.inf

    async def find(self, runs: Iterable[JobRun], *, now: float | None = None) -> list[JobRun]:
        """Return those of *runs* that have given no sign of life for too long; searched for twice a minute."""
        now = time.monotonic() if now is None else now
        holding = {run.run_id: run for run in runs if run.state in PATIENCE}
        since_search = now - self._searched_at
        if since_search < SECONDS_BETWEEN_SEARCHES:
            return []
        shown = await self._read_progress(holding) if holding else {}
        if since_search > LONGEST_PAUSE_SECONDS:
            self._signs = {}  # nothing could be shown, or seen, in the meantime
        self._searched_at = now
        signs = {}
        for run_id, run in holding.items():
            sign = _Sign((run.state, run.changed_at, run.attempts, shown.get(run_id)), now)
            known = self._signs.get(run_id)
            signs[run_id] = known if known is not None and known.shown == sign.shown else sign
        self._signs = signs
        return [run for run_id, run in holding.items() if now - signs[run_id].since > PATIENCE[run.state]]

    async def _read_progress(self, run_ids: Iterable[UUID]) -> Mapping[UUID, datetime]:
        """Return the time at which the progress of each run was shown last."""
        artifacts = await read_all(
            self._client.read_artifacts,
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=list(run_ids)), type=ArtifactFilterType(any_=["progress"])
            ),
            sort=ArtifactSort.ID_DESC,
        )
        latest: dict[UUID, datetime] = {}
        for artifact in artifacts:  # each attempt has one of its own
            if artifact.flow_run_id is not None and artifact.updated is not None:
                latest[artifact.flow_run_id] = max(artifact.updated, latest.get(artifact.flow_run_id, artifact.updated))
        return latest


PATIENCE = {
    RunState.RUNNING: RUNNING_SECONDS,
    RunState.PENDING: PENDING_SECONDS,
    RunState.CANCELLING: RUNNING_SECONDS,
}
