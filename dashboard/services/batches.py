"""
Operations on a batch: create, start, retry, cancel, dismiss.

A start is two steps, and the second can fail: the manifest is frozen in the store, then Prefect gets the run. Both can
be repeated, and a start that was interrupted between them is finished in the background.
"""

import asyncio
import logging
import secrets
from datetime import UTC, datetime
from pathlib import PurePosixPath
from weakref import WeakValueDictionary

from dashboard.services.queries import BatchQueries
from dashboard.services.record_cache import RecordCache
from dashboard.services.runs import PrefectService
from dashboard.services.uploads import UploadService
from tasks.batches import Batch, KeepMark, StartedRun, new_batch_id
from tasks.errors import (
    DiskFull,
    NotFound,
    PrefectUnavailable,
    RecordDamaged,
    StoreUnavailable,
    TranscriptionError,
    WrongStage,
)
from tasks.options import TranscriptionOptions
from tasks.orchestration.status import BatchState, BatchStatus
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.edits import label
from tasks.storage.expiries import expired
from tasks.transcription.models import check_options

SECONDS_BETWEEN_TRIES = 5.0
SECONDS_BETWEEN_LOOKS = 1.0

logger = logging.getLogger(__name__)


class BatchService:
    """Operations on batches. Methods raise `NotFound`, `WrongStage`, `StoreUnavailable` and `PrefectUnavailable`."""

    def __init__(
        self,
        records: RecordCache,
        runs: PrefectService,
        intake: UploadService,
        overview: BatchQueries,
        settings: Settings,
    ) -> None:
        self._records = records
        self._runs = runs
        self._intake = intake
        self._overview = overview
        self._settings = settings
        self.cancelled: set[str] = set()
        """Batches that were cancelled here and whose uploads go as soon as they have stopped."""
        self._interrupted: set[str] = set()
        self._retrying: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._all_found = False

    async def create(self, name: str, options: TranscriptionOptions) -> Batch:
        """Create a batch, named after its time if it has no name. Raises `LabelInvalid` and `OptionInvalid`."""
        check_options(options, self._settings)
        name, now = label(name, "The name of a batch"), datetime.now(UTC)
        batch = Batch(
            batch_id=new_batch_id(now, secrets.token_bytes(4)),
            name=name or f"Batch of {now:%Y-%m-%d %H:%M} UTC",
            created_at=now,
            options=options,
            results=self._settings.results,
            names=self._settings.document_names,
        )
        await self._records.write_batch(batch)
        logger.info("batch %s made", batch.batch_id)
        return batch

    async def start(self, batch_id: str, expected: frozenset[str] | None = None) -> str:
        """
        Start the batch and return the id of its flow run; starting it again returns the same.

        With *expected*, the ids of jobs, it is only started if it holds these and no others: users who start what they
        see want neither an upload that they gave up nor one less.
        """
        manifest = await self._records.manifest(batch_id)
        if manifest is None:
            try:
                manifest = await self._intake.close(batch_id, expected)
            except WrongStage:
                manifest = await self._records.manifest(batch_id)  # another request was faster
                if manifest is None:
                    raise
            except StoreUnavailable:  # it may be closed: whether it is will be seen when the store answers again
                self._all_found = False
                raise
        self._overview.forget(batch_id)
        await self._check_not_dismissed(batch_id)
        return await self._run_of(manifest.batch)

    async def retry(self, batch_id: str) -> None:
        """Run the jobs that failed once more; of a batch that was cancelled, those that were stopped as well."""
        async with self._retrying.setdefault(batch_id, asyncio.Lock()):  # pressed twice, it is done once
            await self._retry(batch_id)

    async def _retry(self, batch_id: str) -> None:
        self._overview.forget(batch_id)
        status = await self._overview.batch(batch_id, max_age=0)
        if not status.state.ended:
            msg = f"Batch {batch_id} is {status.state}: it can be retried when it has ended."
            raise WrongStage(msg)
        if status.flow_run_id is None:
            msg = f"The run of batch {batch_id} was deleted in Prefect. Upload the files again as another batch."
            raise WrongStage(msg)
        # The batch run looks more closely at documents than a status does, so it may know better what failed.
        if not any(job.runs_again for job in status.jobs) and not await self._runs.has_failed(status.flow_run_id):
            cancelled = ", and what was cancelled alone stays so" if status.summary.cancelled else ""
            msg = f"No job of batch {batch_id} failed{cancelled}, so there is nothing to retry."
            raise WrongStage(msg)
        await self._check_not_expired(status)
        await self._runs.retry(status.flow_run_id)
        self._overview.forget(batch_id)
        again = sum(job.runs_again for job in status.jobs)
        logger.info("batch %s is retried: %d jobs run again", batch_id, again)

    async def cancel(self, batch_id: str, *, keep: bool = False) -> None:
        """
        Stop the batch; jobs that are done stay. Cancelling it again changes nothing.

        The uploads of the others go as soon as it has stopped, unless they are to be kept for a retry.
        """
        status = await self._overview.batch(batch_id, max_age=0)
        if status.state in (BatchState.CANCELLING, BatchState.CANCELLED):
            return
        if status.state is BatchState.UPLOADING:
            msg = f"Batch {batch_id} has not been started, so nothing runs. Delete its uploads instead."
            raise WrongStage(msg)
        if status.state.ended or status.flow_run_id is None:
            ended = f"has ended ({status.state})" if status.state.ended else "is just being started"
            msg = f"Batch {batch_id} {ended}, so there is nothing to cancel now."
            raise WrongStage(msg)
        await note_keep(self._records, batch_id, keep=keep)
        await self._runs.cancel(status.flow_run_id, batch_id)
        self._overview.forget(batch_id)
        if not keep:
            self.cancelled.add(batch_id)
        logger.info("batch %s is cancelled", batch_id)

    async def remove_upload(self, batch_id: str, job_id: str) -> bool:
        """Remove an upload of a batch that has not been started, or return False if it was started."""
        if await self._records.manifest(batch_id) is not None:
            return False
        try:
            await self._intake.delete(batch_id, job_id)
        except WrongStage:  # started in this moment
            return False
        self._overview.forget(batch_id)
        return True

    async def dismiss(self, batch_id: str) -> None:
        """
        Remove the batch with its documents, recordings and uploads. Its runs stay in Prefect, as history.

        It disappears for all users at once. Leftovers of an interruption go when it is dismissed again, or with the
        next clean-up.
        """
        try:
            status = await self._overview.batch(batch_id, max_age=0)
        except NotFound:
            if await self._records.discard_hidden(batch_id, self._settings):
                return
            raise
        if status.state is not BatchState.UPLOADING and not status.state.ended:
            raise _still_running(batch_id)
        record = await self._records.hide(batch_id)
        self._overview.forget(batch_id)
        if record is not None and await self._runs.any_active(batch_id):  # retried in this moment, in Prefect's own UI
            await self._records.show(batch_id, record)
            raise _still_running(batch_id)
        await self._records.discard_hidden(batch_id, self._settings)
        logger.info("batch %s is dismissed", batch_id)

    async def finish_starts(self) -> None:
        """Finish interrupted starts, those of a killed process too, for as long as this one runs."""
        complaint = ""
        while True:
            try:
                if not self._all_found:
                    self._all_found = True
                    self._interrupted.update(await self._records.interrupted_starts())
                for batch_id in sorted(self._interrupted):
                    await self._finish_start(batch_id)
            except (PrefectUnavailable, StoreUnavailable, DiskFull) as error:
                self._all_found = self._all_found and not isinstance(error, StoreUnavailable)
                if str(error) != complaint:  # said once, not every few seconds
                    logger.warning("interrupted starts wait: %s", error)
                complaint = str(error)
            await asyncio.sleep(SECONDS_BETWEEN_TRIES)

    async def remove_cancelled(self, store: Store) -> None:
        """
        Remove the uploads of batches that were cancelled here as soon as they have stopped, while this process runs.

        Their runs do it themselves if they had begun; the clean-up removes whatever is left.
        """
        while True:
            for batch_id in sorted(self.cancelled):
                try:
                    if not await self._runs.clean_up(batch_id, store, self._settings):
                        continue
                except (PrefectUnavailable, StoreUnavailable, DiskFull):
                    continue
                except (TranscriptionError, OSError) as error:
                    logger.warning("the uploads of cancelled batch %s stay until a clean-up: %s", batch_id, error)
                self.cancelled.discard(batch_id)
                self._overview.forget(batch_id)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def _finish_start(self, batch_id: str) -> None:
        try:
            await self.start(batch_id)
        except NotFound:  # dismissed since
            self._interrupted.discard(batch_id)
        except RecordDamaged as error:  # until somebody has mended it, and started it again
            self._interrupted.discard(batch_id)
            logger.warning("the interrupted start of batch %s is given up: %s", batch_id, error)

    async def _check_not_dismissed(self, batch_id: str) -> None:
        """Raise `NotFound` for a batch that is gone; a clean-up that saw the start in time brings it back."""
        try:
            await self._records.batch(batch_id)
        except NotFound:
            self._interrupted.add(batch_id)
            raise

    async def _check_not_expired(self, status: BatchStatus) -> None:
        """Raise `WrongStage` if none of the jobs that would run again has its upload any more."""
        jobs = [job for job in status.jobs if job.runs_again]
        expiries = await self._records.expiries(status.batch_id)
        gone = [job for job in jobs if job.job_id in expiries]
        if gone and len(gone) == len(jobs):
            names = [PurePosixPath(job.path).name for job in gone]
            first = min((expiries[job.job_id] for job in gone), key=lambda expiry: expiry.expired_at)
            raise WrongStage(expired(names, first))

    async def _run_of(self, batch: Batch) -> str:
        """Return the id of the batch's run, which is made if there is none; noted for later if that fails."""
        try:
            flow_run_id = await self._known_or_new_run(batch)
        except (PrefectUnavailable, StoreUnavailable, DiskFull):
            self._interrupted.add(batch.batch_id)
            raise
        self._interrupted.discard(batch.batch_id)
        return flow_run_id

    async def _known_or_new_run(self, batch: Batch) -> str:
        known = await self._records.started_run(batch.batch_id)
        if known is not None:
            return known.flow_run_id
        run = StartedRun(flow_run_id=await self._runs.create(batch), created_at=datetime.now(UTC))
        await self._records.write_started_run(batch.batch_id, run)
        logger.info("batch %s started as flow run %s", batch.batch_id, run.flow_run_id)
        return run.flow_run_id


async def note_keep(records: RecordCache, batch_id: str, *, keep: bool, job_id: str = "") -> None:
    """Note whether to keep the uploads before anything is stopped: the note is read when it stops."""
    if keep:
        await records.mark_kept(batch_id, KeepMark(kept_at=datetime.now(UTC)), job_id=job_id)
    else:
        await records.forget_kept(batch_id, job_id=job_id)


def _still_running(batch_id: str) -> WrongStage:
    return WrongStage(f"Batch {batch_id} is running: cancel it first, then dismiss it.")
