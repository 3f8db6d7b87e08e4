"""Queries: batches with their jobs, and GPU work pools, gathered from the store and from Prefect."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from operator import attrgetter
from uuid import UUID

from cachetools import LRUCache

from dashboard.services.batch_filter import BatchFilter, Wanted
from dashboard.services.labels import labelled
from dashboard.services.pools import PoolService
from dashboard.services.prefect_links import flow_run_url
from dashboard.services.record_cache import RecordCache
from dashboard.services.runs import BATCHES_REMEMBERED, PrefectService
from dashboard.services.uploads import UploadService
from tasks.batches import Batch, Manifest, Publication, Stage
from tasks.errors import NotFound, RecordDamaged, WrongStage
from tasks.names import DocumentFormat
from tasks.orchestration.job_run import Attempt, JobRun, RunState
from tasks.orchestration.notices import BatchPool, Installation, RouterLimit, batch_notice, installation_problems
from tasks.orchestration.planning import RunningBatches, WaitingJob
from tasks.orchestration.pool_model import Pool
from tasks.orchestration.prefect_runs import only_attempt
from tasks.orchestration.recovery import RunHistory
from tasks.orchestration.scheduling import forecast
from tasks.orchestration.stages import (
    Addresses,
    BatchFacts,
    JobFacts,
    attempts_by_job,
    batch_status,
    job_status,
    newest_by_job,
    stage_of,
)
from tasks.orchestration.status import BatchListEntry, BatchPage, BatchStatus, JobStatus, PoolStatus
from tasks.single_flight import SingleFlightCache


class DoneJobs:
    """Computes the status of the jobs of one batch; that of a job that is done, only once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[JobFacts, JobStatus]] = {}

    def status(self, facts: JobFacts, batch: BatchFacts) -> JobStatus:
        """
        Return everything the API says of the job.

        The status of a done job is computed again if it ran or was published again: its facts are other objects then.
        """
        facts_then, status = self._known.get(facts.job.job_id, (None, None))
        if facts_then is not None and status is not None and _same(facts, facts_then):
            return status
        status = job_status(facts, batch)
        if status.stage is Stage.DONE:
            self._known[facts.job.job_id] = (facts, status)
        return status


def _same(facts: JobFacts, then: JobFacts) -> bool:
    return facts.run is then.run and facts.publication is then.publication and facts.helpers == then.helpers


ALL = Wanted()
STATUS_MAX_AGE = 0.5
"""Maximum age in seconds of the status of a single batch."""

LIST_MAX_AGE = 5.0
"""Maximum age in seconds of a summary in a list."""

POOLS_MAX_AGE = 2.0
ELSEWHERE_MAX_AGE = 5.0
"""Maximum age in seconds of the facts about other batches, which only matter to forecasts."""

BATCHES_READ_AT_ONCE = 4


class BatchQueries:
    """Reads batches and pools. Methods raise `NotFound`, `StoreUnavailable` and `PrefectUnavailable`."""

    def __init__(
        self,
        records: RecordCache,
        runs: PrefectService,
        intake: UploadService,
        floor: PoolService,
        batch_filter: BatchFilter,
    ) -> None:
        self._records = records
        self._runs = runs
        self._intake = intake
        self._floor = floor
        self._filter = batch_filter
        self._addresses = Addresses(of_document=document_url, of_key=records.uri, of_run=flow_run_url)
        self._statuses: SingleFlightCache[BatchStatus] = SingleFlightCache()
        self._done: LRUCache[str, DoneJobs] = LRUCache(BATCHES_REMEMBERED)
        self._pools: SingleFlightCache[tuple[Pool, ...]] = SingleFlightCache()
        self._running: SingleFlightCache[RunningBatches] = SingleFlightCache()
        self._batch_pool: SingleFlightCache[BatchPool] = SingleFlightCache()
        self._router: SingleFlightCache[RouterLimit | None] = SingleFlightCache()
        self._elsewhere: SingleFlightCache[list[WaitingJob]] = SingleFlightCache()

    async def batch(self, batch_id: str, *, max_age: float = STATUS_MAX_AGE) -> BatchStatus:
        """Return the batch and the stages of its jobs."""
        return await self._statuses.get(batch_id, lambda: self._read_batch(batch_id), max_age=max_age)

    async def batches(self, *, limit: int, offset: int = 0, wanted: Wanted = ALL) -> BatchPage:
        """Return a page of the batches that are *wanted*, newest first."""
        batch_ids = await self._filter.matching(await self._records.batch_ids(), wanted)
        places = asyncio.Semaphore(BATCHES_READ_AT_ONCE)
        problems: list[str] = []

        async def read(batch_id: str) -> BatchListEntry | None:
            async with places:
                try:
                    return (await self.batch(batch_id, max_age=LIST_MAX_AGE)).entry
                except NotFound:  # being made or dismissed in this moment
                    return None
                except RecordDamaged as error:  # the others can still be told
                    problems.append(str(error))
                    return None

        page = await asyncio.gather(*map(read, batch_ids[offset : offset + limit]))
        found = [entry for entry in page if entry is not None]
        entries = tuple(entry for entry in found if wanted.state in (None, entry.state))
        others = len(found) - len(entries)  # what its run did not tell: the next answer knows it
        return BatchPage(batches=entries, total=len(batch_ids) - others, problems=tuple(problems))

    async def pools(self) -> tuple[PoolStatus, ...]:
        """Return the GPU work pools and the work on them."""
        return await self._floor.describe(await self._read_pools())

    def forget(self, batch_id: str) -> None:
        """Drop the cached status of the batch, since the batch was changed."""
        self._statuses.forget(batch_id)

    async def _read_pools(self) -> tuple[Pool, ...]:
        return await self._pools.get("pools", self._runs.read_gpu_pools, max_age=POOLS_MAX_AGE)

    async def _read_batch(self, batch_id: str) -> BatchStatus:
        status = labelled(await self._read_status(batch_id), await self._records.edits.of(batch_id))
        self._filter.saw(status)
        return status

    async def _read_status(self, batch_id: str) -> BatchStatus:
        batch = await self._records.batch(batch_id)
        manifest = await self._records.manifest(batch_id)
        if manifest is None:
            try:
                uploads = await self._intake.uploads(batch_id)
            except WrongStage:  # started in this moment
                manifest = await self._records.manifest(batch_id)
            else:
                partial = await self._intake.partial_uploads(batch_id)
                status = batch_status(self._open(batch), [JobFacts(job=job) for job in uploads])
                return status.model_copy(update={"partial_files": len(partial), "partial_bytes": sum(partial)})
        if manifest is None:
            return batch_status(self._open(batch), [])
        return await self._read_started(manifest)

    def _open(self, batch: Batch) -> BatchFacts:
        """Return the facts about a batch that was not started."""
        return BatchFacts(batch=batch, started=False, addresses=self._addresses)

    async def _read_started(self, manifest: Manifest) -> BatchStatus:
        batch, jobs = await self._read_facts(manifest)
        with_forecasts = await self._with_forecasts(manifest, batch, jobs)
        status = batch_status(batch, with_forecasts, self._done.setdefault(manifest.batch.batch_id, DoneJobs()).status)
        if status.state.ended:
            return status
        installation, outage = await self.installation(), batch.run.waits_for if batch.run else ""
        told = await self._floor.advise(pool for pool in installation.gpu_pools if not pool.usable)
        return status.model_copy(update={"notice": batch_notice(status, installation, told, outage=outage)})

    async def installation(self) -> Installation:
        """Return the pools and limits that all batches need, as of a few seconds ago."""
        batch_pool, router, gpu_pools, running = await asyncio.gather(
            self._batch_pool.get("pool", self._runs.read_batch_pool, max_age=POOLS_MAX_AGE),
            self._router.get("limit", self._runs.read_router_limit, max_age=ELSEWHERE_MAX_AGE),
            self._read_pools(),
            self._read_running(),
        )
        return Installation(batch_pool, gpu_pools, router, running_batches=len(running.people + running.inboxes))

    async def problems(self) -> list[str]:
        """Return the problems that hold up batches in general, one sentence each."""
        installation = await self.installation()
        told = await self._floor.advise(pool for pool in installation.gpu_pools if not pool.usable)
        return installation_problems(installation, told)

    async def _read_facts(self, manifest: Manifest) -> tuple[BatchFacts, list[JobFacts]]:
        """Return the facts about a started batch and its jobs, except for the forecasts."""
        batch_id = manifest.batch.batch_id
        runs = await self._runs.read_batch(batch_id)
        # Read after the runs: a run that is completed by then has its publication.
        publications = await self._records.publications(batch_id)
        histories = await self._runs.read_histories(runs)
        created = runs.own is not None or await self._records.started_run(batch_id) is not None
        batch = BatchFacts(
            batch=manifest.batch,
            started=True,
            run=runs.own,
            run_created=created,
            addresses=self._addresses,
            history=histories[runs.own.run_id] if runs.own else RunHistory(),
        )
        job_runs = _counted(runs.of_jobs)
        attempts = _attempts(runs.of_jobs, histories)
        helpers = _helpers(runs.helpers)
        conversions, lengths, cancelled, removed, progress = await asyncio.gather(
            self._read_conversions(manifest, runs.own, job_runs, publications),
            self._read_lengths(manifest, job_runs, publications),
            self._read_cancelled(manifest, job_runs, publications),
            self._read_removed(manifest, batch, publications),
            self._runs.read_progress(job_runs.values()),
        )
        jobs = [
            JobFacts(
                job=job,
                conversion=conversions.get(job.job_id),
                run=(run := job_runs.get(job.job_id)),
                progress=told.share if run and (told := progress.get(run.run_id)) else 0.0,
                publication=publications.get(job.job_id),
                recording_seconds=lengths.get(job.job_id),
                cancelled=job.job_id in cancelled,
                upload_removed=job.job_id in removed,
                attempts=attempts.get(job.job_id, ()),
                helpers=helpers.get(job.job_id, ()),
            )
            for job in manifest.jobs
        ]
        return batch, jobs

    async def _read_conversions(
        self,
        manifest: Manifest,
        run: JobRun | None,
        job_runs: Mapping[str, JobRun],
        publications: Mapping[str, Publication],
    ) -> dict[str, JobRun]:
        """Return the newest conversion of each job that is not converted; no request once all have a run."""
        if run is None or _all_dispatched(manifest, job_runs, publications):
            return {}
        return _counted(await self._runs.read_conversions(run.run_id))

    async def _read_lengths(
        self, manifest: Manifest, job_runs: Mapping[str, JobRun], publications: Mapping[str, Publication]
    ) -> Mapping[str, float]:
        """Return the lengths of the recordings that wait for a run; no request once all have one."""
        if _all_dispatched(manifest, job_runs, publications):
            return {}
        return await self._records.recording_seconds(manifest.batch.batch_id)

    async def _read_cancelled(
        self, manifest: Manifest, job_runs: Mapping[str, JobRun], publications: Mapping[str, Publication]
    ) -> frozenset[str]:
        """Return the jobs that were cancelled alone; no request once all have a run and none was cancelled."""
        stopped = any(run.state in (RunState.CANCELLING, RunState.CANCELLED) for run in job_runs.values())
        if not stopped and _all_dispatched(manifest, job_runs, publications):
            return frozenset()
        return await self._records.cancelled_jobs(manifest.batch.batch_id)

    async def _read_removed(
        self, manifest: Manifest, batch: BatchFacts, publications: Mapping[str, Publication]
    ) -> frozenset[str]:
        """Return the jobs whose uploads are gone; read only if the batch has ended with some not done."""
        if not batch.abandoned or len(publications) >= len(manifest.jobs):
            return frozenset()
        return await self._records.expired_jobs(manifest.batch.batch_id)

    async def _with_forecasts(self, manifest: Manifest, batch: BatchFacts, jobs: list[JobFacts]) -> list[JobFacts]:
        """Return *jobs* with the dispatch policy's forecasts for those that are queued or running."""
        if all(stage_of(job, batch).ended for job in jobs):
            return jobs
        waiting = _waiting(manifest, batch, jobs) + await self._waiting_elsewhere(manifest.batch.batch_id)
        expected = forecast(await self._read_pools(), waiting)
        return [replace(job, forecast=expected[job.job.job_id]) if job.job.job_id in expected else job for job in jobs]

    async def _waiting_elsewhere(self, batch_id: str) -> list[WaitingJob]:
        """Return the jobs of the other running batches that wait for a pool: the batches take turns."""
        running = await self._read_running()
        found: list[WaitingJob] = []
        for other in running.people + running.inboxes:
            if other != batch_id:
                ask = partial(self._read_waiting, other)
                found += await self._elsewhere.get(other, ask, max_age=ELSEWHERE_MAX_AGE)
        return found

    async def _read_running(self) -> RunningBatches:
        return await self._running.get("batches", self._runs.read_running_batches, max_age=ELSEWHERE_MAX_AGE)

    async def _read_waiting(self, batch_id: str) -> list[WaitingJob]:
        try:
            manifest = await self._records.manifest(batch_id)
        except RecordDamaged:  # its own page says so
            return []
        return _waiting(manifest, *await self._read_facts(manifest)) if manifest is not None else []


def document_url(job_id: str, document_format: DocumentFormat) -> str:
    """Return the path of a document in the HTTP API, for a download."""
    return f"/api/jobs/{job_id}/documents/{document_format}"


def _waiting(manifest: Manifest, batch: BatchFacts, jobs: Iterable[JobFacts]) -> list[WaitingJob]:
    """Return the jobs whose recording is ready and that have no run yet."""
    batch_id, usual, inbox = manifest.batch.batch_id, manifest.batch.options, bool(manifest.batch.inbox)
    return [
        WaitingJob(job.job.job_id, batch_id, job.recording_seconds, options.model, options.task, inbox=inbox)
        for job in jobs
        for options in (job.job.options.applied_to(usual),)
        if job.run is None and job.recording_seconds is not None and not stage_of(job, batch).ended
    ]


def _counted(all_runs: Iterable[JobRun]) -> dict[str, JobRun]:
    """Return each job's newest run, with the attempts of all its runs: a job that was moved is tried again."""
    runs = list(all_runs)
    attempts = attempts_by_job(runs)
    return {
        job_id: run if run.attempts == attempts[job_id] else replace(run, attempts=attempts[job_id])
        for job_id, run in newest_by_job(runs).items()
    }


def _attempts(all_runs: Iterable[JobRun], histories: Mapping[UUID, RunHistory]) -> Mapping[str, tuple[Attempt, ...]]:
    """Return the attempts of each job on all pools, oldest first."""
    attempts: dict[str, tuple[Attempt, ...]] = {}
    for run in sorted(all_runs, key=attrgetter("created_at")):
        attempts[run.job_id] = attempts.get(run.job_id, ()) + histories[run.run_id].attempts
    return attempts


def _helpers(runs: Iterable[JobRun]) -> Mapping[str, tuple[Attempt, ...]]:
    """Return when other devices helped with each job, earliest first; a helping run is begun once at the most."""
    helpers: dict[str, tuple[Attempt, ...]] = {}
    for run in runs:
        helpers[run.helps] = helpers.get(run.helps, ()) + only_attempt(run)
    return {job_id: tuple(sorted(times, key=attrgetter("started_at"))) for job_id, times in helpers.items()}


def _all_dispatched(
    manifest: Manifest, job_runs: Mapping[str, JobRun], publications: Mapping[str, Publication]
) -> bool:
    return all(job.job_id in job_runs or job.job_id in publications for job in manifest.jobs)
