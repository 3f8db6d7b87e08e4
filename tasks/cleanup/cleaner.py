"""
Clean up batch by batch: read what one holds and what of it runs, note what expires, look again, and only then remove.

Every step may be the last one: what was noted stays true, and the next clean-up goes on from what it finds.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort
from prefect.exceptions import ObjectNotFound

from tasks.batches import batch_tag
from tasks.cleanup.abandoned import end_abandoned, read_abandoned
from tasks.cleanup.cancelled_uploads import read_cancelled_jobs
from tasks.cleanup.deletion import discard, discard_hidden_batch, hide_batch, show_batch
from tasks.cleanup.inventory import read_inventory
from tasks.cleanup.removals import Location, Removal, StoredItem
from tasks.cleanup.retention import Activity, Plan, Rules, may_hold_anything, plan
from tasks.cleanup.stored_items import BatchInventory
from tasks.documents.results import complete_job_results, find_result_folders
from tasks.errors import DiskFull, RecordDamaged, WrongInstallation
from tasks.names import display_name
from tasks.orchestration.installation import check_installation
from tasks.orchestration.paging import PAGE, read_all
from tasks.orchestration.prefect_runs import read_runs
from tasks.orchestration.prefect_states import ENDED, NOT_ENDED, in_states
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.expiries import note_expiries, withdraw_expiries
from tasks.storage.keys import BATCHES
from tasks.storage.records import published_and_intact

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The result of a clean-up: removals, real or of a dry run, and what had to stay though its time was over."""

    removals: tuple[Removal, ...] = ()
    kept: tuple[str, ...] = ()


async def read_activity(client: PrefectClient, batch_id: str) -> Activity:
    """Return whether any run of the batch is under way, its own or a job's, and when the last one ended."""
    of_batch = FlowRunFilterTags(all_=[batch_tag(batch_id)])
    active = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(tags=of_batch, state=in_states(NOT_ENDED)), limit=1
    )
    ended = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(tags=of_batch, state=in_states(ENDED)), sort=FlowRunSort.END_TIME_DESC, limit=1
    )
    times = (run.end_time or (run.state.timestamp if run.state else run.created) for run in ended)
    return Activity(active=bool(active), ended_at=next(times, None))


@dataclass(frozen=True, slots=True)
class Cleaner:
    """The clean-up of one installation; a dry run only reports what it would remove."""

    client: PrefectClient
    store: Store
    settings: Settings
    dry_run: bool

    @property
    def rules(self) -> Rules:
        """The retention rules of this installation."""
        return Rules.of(self.settings)

    async def batch(self, batch_id: str) -> Cleaned:
        """Remove what the rules release of the batch, and return it; complete its results."""
        looked_at = await self._stock(batch_id)
        await self._complete_results(looked_at)
        if not may_hold_anything(looked_at, self.rules, now=datetime.now(UTC)):
            return Cleaned()
        # Runs first: what the last one of them did is in a stock that is taken after its end.
        activity = await read_activity(self.client, batch_id)
        stock, now = await self._stock(batch_id), datetime.now(UTC)
        cancelled = await self._cancelled_jobs(stock, activity)
        going = plan(stock, activity, self.rules, now=now, cancelled=cancelled)
        damaged = await asyncio.to_thread(_damaged, self.store, batch_id, going.relying)
        if damaged:
            going = plan(stock, activity, self.rules, now=now, damaged=damaged, cancelled=cancelled)
        kept = tuple(_documents_damaged(stock, job_id) for job_id in sorted(damaged))
        if self.dry_run or not going.removals:
            return Cleaned(going.removals, kept)
        if going.whole:
            removed = await self._remove_whole(stock, activity)
        else:
            removed = await self._remove_parts(stock, going, activity, cancelled)
        return Cleaned(going.removals if removed else (), kept)

    async def _complete_results(self, stock: BatchInventory) -> None:
        """Complete the results. A full disk or a damaged record must not block removals: it is left for next time."""
        try:
            for job in () if self.dry_run else stock.jobs_without_results():
                await asyncio.to_thread(complete_job_results, self.store, job)
        except (DiskFull, RecordDamaged) as error:
            logger.warning("Results of batch %s are missing: %s", stock.batch_id, error)

    async def _stock(self, batch_id: str) -> BatchInventory:
        return await asyncio.to_thread(read_inventory, self.store, self.settings, batch_id)

    async def _cancelled_jobs(self, stock: BatchInventory, activity: Activity) -> frozenset[str]:
        """Return the cancelled ones among the jobs that are not done; queried only if anything of them is left."""
        if stock.manifest is None or activity.active:
            return frozenset()
        not_done = [job.job_id for job in stock.manifest.jobs if stock.published_at(job.job_id) is None]
        holding = [job_id for job_id in not_done if stock.upload(job_id) or stock.recording(job_id)]
        if not holding:
            return frozenset()
        return await read_cancelled_jobs(self.client, stock.batch_id, holding, stock.marked_cancelled)

    async def _remove_parts(
        self, stock: BatchInventory, going: Plan, activity: Activity, cancelled: frozenset[str]
    ) -> bool:
        """
        Remove single things of a batch that stays; False if it came to life again, and then nothing is removed.

        A retry that comes before the note is seen by the second look, one that comes after it finds the note.
        """
        batch_id = stock.batch_id
        gone_early = frozenset(job_id for job_id in cancelled if not stock.is_kept(job_id))
        noted = await asyncio.to_thread(note_expiries, self.store, batch_id, going.expiring, cancelled=gone_early)
        if await read_activity(self.client, batch_id) != activity:
            await asyncio.to_thread(withdraw_expiries, self.store, batch_id, noted)
            return False
        for removal in going.removals:
            await asyncio.to_thread(discard, self.store, self.settings, removal.held)
        return True

    async def _remove_whole(self, stock: BatchInventory, activity: Activity) -> bool:
        """
        Remove a batch with all that is its; False if it came to life again, and then it stays.

        An upload or a start that comes before it is hidden is seen by the second look, one that comes after it finds
        no batch.
        """
        batch_id = stock.batch_id
        record = await asyncio.to_thread(hide_batch, self.store, batch_id)
        now = await self._stock(batch_id)
        changed = now.receiving or now.last_change > stock.last_change or (now.manifest and not stock.manifest)
        if changed or await read_activity(self.client, batch_id) != activity:
            if record is not None:
                await asyncio.to_thread(show_batch, self.store, batch_id, record)
            return False
        await asyncio.to_thread(discard_hidden_batch, self.store, self.settings, batch_id)
        return True

    async def whose_store(self) -> Cleaned:
        """Raise `WrongInstallation` if the store is another installation's; a dry run reports that and goes on."""
        try:
            await check_installation(self.client, self.store, may_mark=not self.dry_run)
        except WrongInstallation as error:
            if not self.dry_run:
                raise
            return Cleaned(kept=(str(error),))
        return Cleaned()

    async def orphaned_results(self) -> Cleaned:
        """Remove results of batches that are gone: written by a run that was killed before it noticed that."""
        return await asyncio.to_thread(self._orphaned_results)

    def _orphaned_results(self) -> Cleaned:
        latest = datetime.now(UTC) - self.rules.leftover
        folders = list(find_result_folders(self.store, self.settings.results))
        batch_ids = {*self.store.folders(BATCHES)}  # after the results, before which their batch was there
        found = [
            StoredItem(Location.STORE, each.key, each.size, each.modified)
            for batch_id, folder in folders
            if batch_id not in batch_ids
            for each in self.store.objects(folder)
            if each.modified <= latest
        ]
        for held in () if self.dry_run else found:
            discard(self.store, self.settings, held)
        return Cleaned(tuple(Removal(held, "Its batch was dismissed.") for held in found))

    async def unfinished_writes(self) -> Cleaned:
        """Remove what killed writers left in the store, which no listing of it shows."""
        return await asyncio.to_thread(self._unfinished_writes, self.rules.leftover.total_seconds())

    def _unfinished_writes(self, seconds: float) -> Cleaned:
        found = list(self.store.unfinished(older_than_seconds=seconds))
        if found and not self.dry_run:
            self.store.sweep(older_than_seconds=seconds)
        things = (StoredItem(Location.STORE, each.key, each.size, each.modified) for each in found)
        return Cleaned(tuple(Removal(held, "Left by a write that was killed.") for held in things))

    async def abandoned_runs(self) -> Cleaned:
        """End jobs' runs whose worker is gone for good, and over which no running batch watches."""
        runs = await read_abandoned(self.client, away_for=self.rules.leftover)
        if not self.dry_run:
            for run in runs:
                await end_abandoned(self.client, run)
        now = datetime.now(UTC)
        held = ((StoredItem(Location.PREFECT, f"slot of flow run {run.name}", 0, now), run.work_pool) for run in runs)
        return Cleaned(tuple(Removal(each, f"The worker of {pool} is gone: retry the job.") for each, pool in held))

    async def progress(self) -> Cleaned:
        """Remove the progress artifacts of runs that have ended: one for each longer recording, of no use any more."""
        artifacts = await _read_progress(self.client)
        active = await _active_among(self.client, [run for each in artifacts if (run := each.flow_run_id)])
        removals = []
        for artifact in artifacts:
            shown_at = artifact.updated or artifact.created or datetime.now(UTC)
            if artifact.flow_run_id in active or shown_at + self.rules.leftover > datetime.now(UTC):
                continue
            if not self.dry_run:
                await _delete_artifact(self.client, artifact)
            held = StoredItem(Location.PREFECT, f"progress of flow run {artifact.flow_run_id}", 0, shown_at)
            removals.append(Removal(held, "Its run has ended."))
        return Cleaned(tuple(removals))


def _damaged(store: Store, batch_id: str, job_ids: frozenset[str]) -> frozenset[str]:
    """Return those of the jobs whose documents are not all in the store as they were published."""
    return frozenset(job_id for job_id in job_ids if published_and_intact(store, batch_id, job_id) is None)


def _documents_damaged(stock: BatchInventory, job_id: str) -> str:
    jobs = stock.manifest.jobs if stock.manifest else ()
    path = next((job.path for job in jobs if job.job_id == job_id), job_id)
    return (
        f"{display_name(path)} of batch {stock.batch_id}: its documents are not in the store, or damaged. Its upload "
        "and recording stay: retry the batch in Prefect."
    )


async def _read_progress(client: PrefectClient) -> list[Artifact]:
    shown = ArtifactFilter(type=ArtifactFilterType(any_=["progress"]))
    return await read_all(client.read_artifacts, artifact_filter=shown, sort=ArtifactSort.ID_DESC)


async def _active_among(client: PrefectClient, run_ids: Sequence[UUID]) -> set[UUID]:
    active: set[UUID] = set()
    for first in range(0, len(run_ids), PAGE):
        ids = FlowRunFilterId(any_=list(run_ids[first : first + PAGE]))
        states = in_states(NOT_ENDED)
        active |= {run.id for run in await read_runs(client, FlowRunFilter(id=ids, state=states))}
    return active


async def _delete_artifact(client: PrefectClient, artifact: Artifact) -> None:
    with contextlib.suppress(ObjectNotFound):
        await client.delete_artifact(artifact.id)


async def publish_report(markdown: str) -> None:
    """Show the report in Prefect's UI."""
    await acreate_markdown_artifact(key="clean-up", markdown=markdown, description="What the clean-up removed, and why")
