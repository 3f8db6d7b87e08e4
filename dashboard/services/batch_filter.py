"""The filter of the list of batches: by words, a tag and a state, at a cost that does not grow with their number."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.services.batch_runs import STATES, AllBatchRuns
from dashboard.services.record_cache import RecordCache
from tasks.errors import NotFound, RecordDamaged
from tasks.orchestration.job_run import JobRun
from tasks.orchestration.status import BatchState, BatchStatus
from tasks.single_flight import SingleFlightCache
from tasks.storage.edits import BatchEdits, comparable

READ_AT_ONCE = 8
RUNS_MAX_AGE = 4.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """The batches that are looked for: all words in name, tags or id; a tag; a state."""

    search: str = ""
    tag: str = ""
    state: BatchState | None = None


class BatchFilter:
    """
    Finds batches. Methods raise `StoreUnavailable`, and `PrefectUnavailable` where states are asked for.

    The name that a batch was made with never changes: its record is read once. The edits come from one listing, and the
    states from the runs of the batches, of which those that have ended are read once.
    """

    def __init__(self, records: RecordCache, runs: AllBatchRuns) -> None:
        self._records = records
        self._runs = runs
        self._names: dict[str, str] = {}
        self._looks: SingleFlightCache[dict[str, JobRun]] = SingleFlightCache()
        self._seen: dict[str, tuple[datetime | None, BatchState]] = {}

    async def matching(self, batch_ids: Sequence[str], wanted: Wanted) -> list[str]:
        """Return those of *batch_ids* that are *wanted*, in their order."""
        found, words = list(batch_ids), comparable(wanted.search).split()
        edits = await self._records.edits.all() if words or wanted.tag else {}
        if wanted.tag:
            tag = comparable(wanted.tag)
            found = [each for each in found if tag in map(comparable, _edits_of(each, edits).tags)]
        if words:
            await self._learn(batch_ids)
            found = [each for each in found if self._has_words(each, _edits_of(each, edits), words)]
        if wanted.state is not None:
            runs = await self._looks.get("runs", self._runs.read, max_age=RUNS_MAX_AGE)
            found = [each for each in found if self._state(each, runs.get(each)) is wanted.state]
        return found

    def saw(self, status: BatchStatus) -> None:
        """
        Note the state of a batch that was looked at closely.

        A job that was retried alone may have completed a batch whose run had failed. It counts until the run changes.
        """
        run_changed_at = status.ended_at if status.state.ended else None
        self._seen[status.batch_id] = (run_changed_at, status.state)

    def _state(self, batch_id: str, run: JobRun | None) -> BatchState:
        if run is None:
            return BatchState.UPLOADING
        seen_at, seen = self._seen.get(batch_id, (None, None))
        if seen is not None and run.state.ended and seen_at == run.ended_at:
            return seen
        return STATES[run.state]

    def _has_words(self, batch_id: str, edits: BatchEdits, words: Sequence[str]) -> bool:
        texts = comparable("\n".join((edits.name or self._names.get(batch_id, ""), *edits.tags)))
        return all(word in texts or batch_id.startswith(word) for word in words)

    async def _learn(self, batch_ids: Sequence[str]) -> None:
        self._names = {batch_id: self._names[batch_id] for batch_id in batch_ids if batch_id in self._names}
        places = asyncio.Semaphore(READ_AT_ONCE)

        async def learn(batch_id: str) -> None:
            async with places:
                try:
                    batch = await self._records.batch(batch_id)
                except (NotFound, RecordDamaged):  # just being made or dismissed, or its name is unknown
                    return
                self._names[batch_id] = batch.name

        await asyncio.gather(*(learn(batch_id) for batch_id in batch_ids if batch_id not in self._names))


def _edits_of(batch_id: str, edits: Mapping[str, BatchEdits]) -> BatchEdits:
    return edits.get(batch_id) or BatchEdits(batch_id=batch_id)
