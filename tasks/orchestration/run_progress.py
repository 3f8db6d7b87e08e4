"""
Read the progress of runs, and remember what they told a moment ago: from the two follows how fast a device works now.

Only how fast it is rests on what is remembered. A batch run that starts again learns it within seconds.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID
from weakref import WeakKeyDictionary

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId, ArtifactFilterType
from prefect.client.schemas.sorting import ArtifactSort

from tasks.orchestration.job_run import LONG_AGO, JobRun, RunProgress, RunState
from tasks.orchestration.paging import read_all
from tasks.orchestration.pool_speed import remembered, since_earlier

SECONDS_GOOD = 1.8
"""Maximum age of a look at the progress of the runs on pools: a run tells it every two seconds (`progress`)."""


@dataclass(frozen=True, slots=True)
class _Told:
    at: float
    by_run: Mapping[UUID, tuple[RunProgress, ...]]


_told: WeakKeyDictionary[PrefectClient, _Told] = WeakKeyDictionary()


async def read_progress(client: PrefectClient, runs: Iterable[JobRun]) -> dict[UUID, RunProgress]:
    """Return the progress of the runs that are running, by run id; one that shows nothing is missing."""
    running = {run.run_id: run.changed_at for run in runs if run.state is RunState.RUNNING}
    if not running:
        return {}
    artifacts = await read_all(
        client.read_artifacts,
        artifact_filter=ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=list(running)),
            type=ArtifactFilterType(any_=["progress"]),
        ),
        sort=ArtifactSort.ID_DESC,
    )
    in_time = sorted(artifacts, key=lambda artifact: artifact.updated or LONG_AGO)
    return {
        run_id: RunProgress(_share(artifact.data), artifact.updated or LONG_AGO)
        for artifact in in_time  # each attempt has an artifact of its own: the newest counts
        if (run_id := artifact.flow_run_id) and (artifact.updated or LONG_AGO) >= running[run_id]
    }


async def read_progress_since(client: PrefectClient, runs: Iterable[JobRun]) -> dict[UUID, RunProgress]:
    """Return the progress of all runs that are on pools, as of two seconds ago, with what they told before."""
    runs = list(runs)
    earlier = _told.get(client)
    if earlier is None or time.monotonic() - earlier.at > SECONDS_GOOD:
        began, known = time.monotonic(), earlier.by_run if earlier else {}
        latest = await read_progress(client, runs)
        helpers = {run.run_id: run.helpers for run in runs}
        told = {
            run_id: remembered(known.get(run_id, ()), replace(progress, helpers=helpers[run_id]))
            for run_id, progress in latest.items()
        }
        earlier = _told[client] = _Told(began, told)
    under_way = {run.run_id for run in runs if run.state is RunState.RUNNING}
    return {run_id: since_earlier(each) for run_id, each in earlier.by_run.items() if run_id in under_way}


def _share(percent: object) -> float:
    """Return a progress artifact's percentage as a share; Prefect stores it as a number or as text."""
    try:
        return min(max(float(str(percent)) / 100, 0.0), 1.0)
    except ValueError:
        return 0.0
