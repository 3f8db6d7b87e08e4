"""
Clean up batch by batch: read what one holds and what of it runs, note what expires, look again, and only then remove.

Every step may be the last one: what was noted stays true, and the next clean-up goes on from what it finds.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.artifacts import acreate_markdown_artifact
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterType,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort
from prefect.exceptions import ObjectNotFound

from tasks.batches import BATCH_FLOW, batch_tag, helpers_tag
from tasks.cleanup.cancelled_uploads import read_cancelled_jobs
from tasks.cleanup.deletion import delete_hidden_batch, hide_batch, remove_item, show_batch
from tasks.cleanup.inventory import Activity, BatchInventory, StoredItem, in_store, read_inventory
from tasks.cleanup.retention import RemovalPlan, RetentionRules, may_hold_anything, plan
from tasks.documents.results import complete_job_results, find_result_folders
from tasks.errors import DiskFull, RecordDamaged, WrongInstallation
from tasks.names import display_name
from tasks.orchestration.installation import check_installation
from tasks.orchestration.job_run import JobRun
from tasks.orchestration.paging import PAGE, read_all
from tasks.orchestration.pools import forget_deployments, read_gpu_pools, read_workers
from tasks.orchestration.prefect_runs import job_run_of, read_runs
from tasks.orchestration.prefect_states import ENDED, HOLDING_A_SLOT, NOT_ENDED, in_states
from tasks.orchestration.recovery import Loss
from tasks.orchestration.run_recovery import recover
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.expiries import note_expiries, withdraw_expiries
from tasks.storage.keys import BATCHES
from tasks.storage.part_file import keeps_videos
from tasks.storage.records import published_and_intact

logger = logging.getLogger(__name__)


async def read_activity(client: PrefectClient, batch_id: str) -> Activity:
    """
    Return whether any run of the batch is under way, its own, a job's or a helping one, and when the last one ended.

    Helping runs count while they hold a slot: one that begins later finds nothing to help with.
    """
    of_batch = FlowRunFilterTags(all_=[batch_tag(batch_id)])
    helping = FlowRunFilterTags(all_=[helpers_tag(batch_id)])
    active = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(tags=of_batch, state=in_states(NOT_ENDED)), limit=1
    ) or await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(tags=helping, state=in_states(HOLDING_A_SLOT)), limit=1
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
    def rules(self) -> RetentionRules:
        """The retention rules of this installation; while its disk is nearly full, no video stays to be watched."""
        rules = RetentionRules.of(self.settings)
        return rules if keeps_videos(self.settings) else replace(rules, video_retention=timedelta(0))

    async def clean_batch(self, batch_id: str) -> RemovalPlan:
        """Remove what the rules release of the batch, and return it; complete its results."""
        looked_at = await self._inventory(batch_id)
        await self._complete_results(looked_at)
        if not may_hold_anything(looked_at, self.rules, now=datetime.now(UTC)):
            return RemovalPlan()
        # Runs first: what the last one of them did is in an inventory that is taken after its end.
        activity = await read_activity(self.client, batch_id)
        inventory, now = replace(await self._inventory(batch_id), activity=activity), datetime.now(UTC)
        inventory = replace(inventory, cancelled=await self._cancelled_jobs(inventory))
        going = plan(inventory, self.rules, now=now)
        damaged = await asyncio.to_thread(_damaged, self.store, batch_id, going.relying)
        if damaged:
            going = plan(replace(inventory, damaged=damaged), self.rules, now=now)
        going = replace(going, kept=tuple(_documents_damaged(inventory, job_id) for job_id in sorted(damaged)))
        if self.dry_run or not going.removals:
            return going
        remove = self._remove_whole if going.whole else self._remove_parts
        return going if await remove(inventory, going) else RemovalPlan(kept=going.kept)

    async def _complete_results(self, inventory: BatchInventory) -> None:
        """Complete the results. A full disk or a damaged record must not block removals: it is left for next time."""
        try:
            for job in () if self.dry_run else inventory.jobs_without_results():
                await asyncio.to_thread(complete_job_results, self.store, job)
        except (DiskFull, RecordDamaged) as error:
            logger.warning("Results of batch %s are missing: %s", inventory.batch_id, error)

    async def _inventory(self, batch_id: str) -> BatchInventory:
        return await asyncio.to_thread(read_inventory, self.store, self.settings, batch_id)

    async def _cancelled_jobs(self, inventory: BatchInventory) -> frozenset[str]:
        """Return the cancelled ones among the jobs that are not done; queried only if anything of them is left."""
        if inventory.manifest is None or inventory.activity.active:
            return frozenset()
        not_done = [job.job_id for job in inventory.manifest.jobs if inventory.published_at(job.job_id) is None]
        holding = [job_id for job_id in not_done if inventory.upload(job_id) or inventory.recording(job_id)]
        if not holding:
            return frozenset()
        return await read_cancelled_jobs(self.client, inventory.batch_id, holding, inventory.marked_cancelled)

    async def _remove_parts(self, inventory: BatchInventory, going: RemovalPlan) -> bool:
        """
        Remove single items of a batch that stays; False if it came to life again, and then nothing is removed.

        A retry that comes before the note is seen by the second look, one that comes after it finds the note.
        """
        batch_id, early = inventory.batch_id, inventory.gone_early
        noted = await asyncio.to_thread(note_expiries, self.store, batch_id, going.expiring, cancelled=early)
        if await read_activity(self.client, batch_id) != inventory.activity:
            await asyncio.to_thread(withdraw_expiries, self.store, batch_id, noted)
            return False
        for item in going.removals:
            await asyncio.to_thread(remove_item, self.store, self.settings, item)
        return True

    async def _remove_whole(self, inventory: BatchInventory, _going: RemovalPlan) -> bool:
        """
        Remove a batch with all that is its; False if it came to life again, and then it stays.

        An upload or a start that comes before it is hidden is seen by the second look, one that comes after it finds
        no batch.
        """
        batch_id = inventory.batch_id
        record = await asyncio.to_thread(hide_batch, self.store, batch_id)
        now = await self._inventory(batch_id)
        changed = now.receiving or now.last_change > inventory.last_change or (now.manifest and not inventory.manifest)
        if changed or await read_activity(self.client, batch_id) != inventory.activity:
            if record is not None:
                await asyncio.to_thread(show_batch, self.store, batch_id, record)
            return False
        await asyncio.to_thread(delete_hidden_batch, self.store, self.settings, batch_id)
        return True

    async def check_store(self) -> RemovalPlan:
        """Raise `WrongInstallation` if the store is another installation's; a dry run reports that and goes on."""
        try:
            await check_installation(self.client, self.store, may_mark=not self.dry_run)
        except WrongInstallation as error:
            if not self.dry_run:
                raise
            return RemovalPlan(kept=(str(error),))
        return RemovalPlan()

    async def purge_orphaned_results(self) -> RemovalPlan:
        """Remove results of batches that are gone: written by a run that was killed before it noticed that."""
        return await asyncio.to_thread(self._purge_orphaned_results)

    def _purge_orphaned_results(self) -> RemovalPlan:
        latest = datetime.now(UTC) - self.rules.leftover
        folders = list(find_result_folders(self.store, self.settings.results))
        batch_ids = {*self.store.folders(BATCHES)}  # after the results, before which their batch was there
        found = [
            in_store(each)
            for batch_id, folder in folders
            if batch_id not in batch_ids
            for each in self.store.objects(folder)
            if each.modified <= latest
        ]
        for item in () if self.dry_run else found:
            remove_item(self.store, self.settings, item)
        return RemovalPlan(dict.fromkeys(found, "Its batch was dismissed."))

    async def purge_unfinished_writes(self) -> RemovalPlan:
        """Remove what killed writers left in the store, which no listing of it shows."""
        return await asyncio.to_thread(self._purge_unfinished_writes, self.rules.leftover.total_seconds())

    def _purge_unfinished_writes(self, seconds: float) -> RemovalPlan:
        found = list(self.store.unfinished(older_than_seconds=seconds))
        if found and not self.dry_run:
            self.store.sweep(older_than_seconds=seconds)
        return RemovalPlan(dict.fromkeys(map(in_store, found), "Left by a write that was killed."))

    async def end_abandoned_runs(self) -> RemovalPlan:
        """End jobs' runs whose worker is gone for good, and over which no running batch watches."""
        runs = await read_abandoned(self.client, away_for=self.rules.leftover)
        if not self.dry_run:
            for run in runs:
                # Should the worker come back with it, its documents do not count any more.
                reason = f"The worker of {run.work_pool} is gone."
                await recover(self.client, run.run_id, Loss.WORKER_FOR_GOOD, reason)
        now = datetime.now(UTC)
        slots = {StoredItem("prefect", f"slot of flow run {run.name}", 0, now): run for run in runs}
        return RemovalPlan(
            {
                slot: f"The worker of {run.work_pool} is gone{'' if run.helps else ': retry the job'}."
                for slot, run in slots.items()
            }
        )

    async def purge_progress(self) -> RemovalPlan:
        """Remove the progress artifacts of runs that have ended: one for each longer recording, of no use any more."""
        artifacts = await _read_progress(self.client)
        active = await _active_among(self.client, [run for each in artifacts if (run := each.flow_run_id)])
        removed = []
        for artifact in artifacts:
            shown_at = artifact.updated or artifact.created or datetime.now(UTC)
            if artifact.flow_run_id in active or shown_at + self.rules.leftover > datetime.now(UTC):
                continue
            if not self.dry_run:
                await _delete_artifact(self.client, artifact)
            removed.append(StoredItem("prefect", f"progress of flow run {artifact.flow_run_id}", 0, shown_at))
        return RemovalPlan(dict.fromkeys(removed, "Its run has ended."))


def _damaged(store: Store, batch_id: str, job_ids: frozenset[str]) -> frozenset[str]:
    """Return those of the jobs whose documents are not all in the store as they were published."""
    return frozenset(job_id for job_id in job_ids if published_and_intact(store, batch_id, job_id) is None)


def _documents_damaged(inventory: BatchInventory, job_id: str) -> str:
    jobs = inventory.manifest.jobs if inventory.manifest else ()
    path = next((job.path for job in jobs if job.job_id == job_id), job_id)
    return (
        f"{display_name(path)} of batch {inventory.batch_id}: its documents are not in the store, or damaged. Its "
        "upload and recording stay: retry the batch in Prefect."
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


async def read_abandoned(client: PrefectClient, *, away_for: timedelta) -> list[JobRun]:
    """
    Return the runs under way on pools whose workers were not heard of for so long, if their batch has ended.

    A running batch moves such runs to another pool. A job that was retried alone, after its batch had ended, has none:
    its run would stay Running for ever. So would a helping run, which belongs to no batch by its tags.
    """
    forget_deployments(client)  # a pool of a few seconds ago is one too
    offline = [pool.work_pool.name for pool in await read_gpu_pools(client) if not pool.online]
    if not offline:
        return []
    holding = FlowRunFilter(state=in_states(HOLDING_A_SLOT))
    runs = [run for run in map(job_run_of, await read_runs(client, holding, offline)) if run.job_id or run.helps]
    gone = {name for name in {run.work_pool for run in runs} if await _is_gone(client, name, away_for=away_for)}
    return [run for run in runs if run.work_pool in gone and not await _is_watched(client, run)]


async def _is_gone(client: PrefectClient, work_pool: str, *, away_for: timedelta) -> bool:
    beats = [worker.last_heartbeat_time for worker in await read_workers(client, work_pool)]
    return all(beat is None or beat + away_for < datetime.now(UTC) for beat in beats)


async def _is_watched(client: PrefectClient, run: JobRun) -> bool:
    """Return whether the run of its batch is under way, which moves stuck runs."""
    of_batch = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[batch_tag(run.batch_id)]),
        state=in_states(NOT_ENDED),
    )
    flow = FlowFilter(name=FlowFilterName(any_=[BATCH_FLOW]))
    return bool(await client.read_flow_runs(flow_filter=flow, flow_run_filter=of_batch, limit=1))
