"""
Clean up: remove data that batches no longer need and leftovers of killed processes; announce ends not announced yet.

A schedule does it every hour. Started by hand it is a dry run unless told otherwise: it reports what would go and
removes nothing. What may go, and when, is decided in `tasks.cleanup.retention`; the report is a Markdown artifact that
names each thing with its size and the reason.

It can be killed at any moment: the next one goes on from what it finds. Batches of which anything runs are left alone,
and so is a store that belongs to another installation.

Requires: the disk with the uploads, hence the work pool of the dashboard's host. Work folders of further machines
are out of its reach; their own runs remove them.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from tasks.announcements.unannounced import SETTLES, announce_untold
from tasks.cancellation import RunCancelled, current_token
from tasks.cleanup.cleaner import Cleaner, publish_report
from tasks.cleanup.inventory import batches_to_look_at
from tasks.cleanup.retention import RemovalPlan, outcome, report
from tasks.errors import StoreUnavailable, TranscriptionError
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.open_store import open_store


@flow(name="clean-up")
async def clean_up(*, dry_run: bool = True) -> State[Any]:
    """Remove what is no longer needed; a dry run only reports what that is."""
    settings = Settings()
    try:
        store = await asyncio.to_thread(open_store, settings)
        async with get_client() as client:
            cleaned = await _clean(Cleaner(client, store, settings, dry_run))
            message = outcome(cleaned.removals, dry_run=dry_run)
            if cleaned.removals or cleaned.kept or dry_run:  # not a page each hour that says nothing
                await publish_report(report(cleaned, dry_run=dry_run))
            if not dry_run:
                await _announce(client, store, settings)
    except RunCancelled:
        return Cancelled(message="Cancelled; what was removed by then needs nothing more.")
    except TranscriptionError as error:
        return Failed(message=str(error))
    get_run_logger().info(message)
    return Completed(message=message)


async def _announce(client: PrefectClient, store: Store, settings: Settings) -> None:
    """Announce the ends of batches that their own runs could not announce."""
    announced = await announce_untold(client, store, settings, ended_before=datetime.now(UTC) - SETTLES)
    if announced:
        get_run_logger().info("The ends of %d batches were announced, which their own runs could not do", announced)


async def _clean(cleaner: Cleaner) -> RemovalPlan:
    parts = [await cleaner.check_store()]
    for batch_id in await asyncio.to_thread(batches_to_look_at, cleaner.store, cleaner.settings):
        current_token().raise_if_cancelled()
        try:
            parts.append(await cleaner.clean_batch(batch_id))
        except (TranscriptionError, OSError) as error:  # the others can still be cleaned
            if isinstance(error, StoreUnavailable):
                await asyncio.to_thread(cleaner.store.check)  # unless it is away altogether: that ends the clean-up
            get_run_logger().warning("Batch %s is left alone: %s", batch_id, error)
            parts.append(RemovalPlan(kept=(f"Batch {batch_id}: {error}",)))
    parts.append(await cleaner.purge_orphaned_results())
    parts.append(await cleaner.purge_unfinished_writes())
    parts.append(await cleaner.end_abandoned_runs())
    parts.append(await cleaner.purge_progress())
    return RemovalPlan(
        removals={item: why for part in parts for item, why in part.removals.items()},
        kept=tuple(sentence for part in parts for sentence in part.kept),
    )
