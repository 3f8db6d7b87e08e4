"""
Scan an inbox: look, finish what was begun, see what has ended, begin new batches, report.

Two looks with the same findings make a file whole (`inventory`), a plan makes it part of a batch (`batching`), the plan
is carried out (`filling`), and its outcome is written down (`outcomes`) and acted on (`finishing`).
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prefect.client.orchestration import PrefectClient
from pydantic import ValidationError

from tasks.errors import (
    DiskFull,
    InboxUnavailable,
    NotFound,
    PrefectUnavailable,
    RecordDamaged,
    TranscriptionError,
)
from tasks.ingest.batching import plan_batch
from tasks.ingest.context import ScanContext, counted
from tasks.ingest.filling import carry_out
from tasks.ingest.finishing import finish, needs_finishing
from tasks.ingest.inboxes import Inbox, check_apart
from tasks.ingest.index import Index
from tasks.ingest.inventory import Inventory, Look
from tasks.ingest.lease import take_lease
from tasks.ingest.open_source import open_source
from tasks.ingest.outcomes import end_plan, ended_again, open_and_ended, read_ended
from tasks.ingest.records import Existing, IngestKeys, Plan
from tasks.ingest.report import InboxReport
from tasks.ingest.reporting import report_of
from tasks.outages import is_transient, refusal
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.open_store import open_store
from tasks.storage.records import parse_record

BEGAN = "the latest scan began"
DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Scanned:
    """The findings of a scan, and whether it did anything."""

    report: InboxReport
    news: bool


async def scan_inbox(
    settings: Settings, inbox: Inbox, client: PrefectClient, *, scheduled_at: datetime
) -> Scanned | None:
    """
    Scan the inbox, and return the findings; None if another scan is under way, or began after *scheduled_at*.

    Raises `InboxUnavailable`, `StoreUnavailable`, `DiskFull` and `PrefectUnavailable`.
    """
    check_apart(inbox, settings)
    store = await asyncio.to_thread(open_store, settings)
    lease = await asyncio.to_thread(take_lease, store, IngestKeys(inbox=inbox.name))
    if lease is None:
        return None
    try:
        index = await asyncio.to_thread(Index.open, _index_of(settings, inbox))
        with contextlib.closing(index):
            began = datetime.now(UTC)
            if _is_late(index, scheduled_at, began):
                return None
            source = await asyncio.to_thread(open_source, inbox, settings)
            return await _scan(ScanContext(settings, store, inbox, source, index, lease), client, began)
    except (TranscriptionError, httpx.HTTPError, sqlite3.Error, OSError) as error:
        raise await asyncio.to_thread(_told, store, inbox, _in_words(error, _index_of(settings, inbox))) from error
    finally:
        with contextlib.suppress(TranscriptionError):  # it runs out
            await asyncio.to_thread(lease.release)


async def _scan(scan: ScanContext, client: PrefectClient, began: datetime) -> Scanned:
    started = time.monotonic()
    look = await asyncio.to_thread(_look, scan)
    open_plans = await _continue_plans(scan, client)
    with contextlib.suppress(DiskFull):  # told; the files wait
        open_plans += await _begin_batches(scan, client, look, len(open_plans))
    seconds = time.monotonic() - started
    report = await asyncio.to_thread(report_of, scan, look, open_plans, began, seconds)
    await asyncio.to_thread(scan.store.write, scan.keys.report, report.model_dump_json().encode())
    scan.index.keep_fact(BEGAN, began.isoformat())  # of scans that came to their end only: a killed one is made up for
    return Scanned(report, news=bool(scan.new or scan.news))


def _look(scan: ScanContext) -> Look:
    """Look at the inbox; the first time, note the files to skip. Raises `InboxUnavailable`."""
    look = Inventory(scan.inbox, scan.source, scan.index, scan.settings, scan.go_on).look()
    device, known_device = scan.source.device(), scan.index.fact(DEVICE)
    if look.found_nothing and device != known_device and (known := scan.index.count("decided IS NOT NULL")):
        msg = (
            f"The inbox {scan.inbox.path} is empty, and on another file system than when {counted(known, 'file')} "
            "of it were known. Mount its share again."
        )
        raise InboxUnavailable(msg)
    if device != known_device:
        scan.index.keep_fact(DEVICE, device)
    if scan.inbox.existing == "skip":
        _skip_existing(scan)
    return look


def _skip_existing(scan: ScanContext) -> None:
    """Skip the files that the first scan found. They are kept in the store: a lost index must not get them ingested."""
    if not scan.index.fresh and scan.index.fact("existing"):
        return
    key = scan.keys.existing
    files = [(file.path, file.size, file.mtime_ns) for file in scan.index.waiting(-1)]
    if not scan.store.create(key, Existing(files=tuple(files)).model_dump_json().encode()):
        files = list(parse_record(Existing, scan.store.read(key), key).files)
    with scan.index.transaction():
        scan.index.skip(files)
        scan.index.keep_fact("existing", "skipped")


async def _continue_plans(scan: ScanContext, client: PrefectClient) -> list[Plan]:
    """Carry on with the plans there are, and return those whose batch runs."""
    plans = await asyncio.to_thread(_read_plans, scan)
    started: list[Plan] = []
    for plan in plans:
        with contextlib.suppress(DiskFull):
            carried = plan if plan.flow_run_id else await _carried_out(scan, client, plan)
            started += [carried] if carried else []
    running, ended = await open_and_ended(scan, client, started)
    for plan in ended:
        await _finish(scan, client, plan)
    for again in await ended_again(scan, client, (plan.batch_id for plan in plans)):
        if needs_finishing(scan, again):
            key, content = scan.keys.plan(again.plan.batch_id), again.plan.model_dump_json().encode()
            await asyncio.to_thread(scan.store.write, key, content)
            await _finish(scan, client, again.plan)
    return running


async def _finish(scan: ScanContext, client: PrefectClient, plan: Plan) -> None:
    """Write down the outcome of the plan, act on it, and drop the plan when nothing is left to do."""
    ended = await asyncio.to_thread(read_ended, scan, plan.batch_id) or await end_plan(scan, client, plan)
    if not needs_finishing(scan, ended) or await asyncio.to_thread(finish, scan, ended):
        await asyncio.to_thread(scan.store.delete, scan.keys.plan(plan.batch_id))


def _read_plans(scan: ScanContext) -> Sequence[Plan]:
    plans = []
    for key in scan.store.list(scan.keys.plans):
        try:
            plans.append(parse_record(Plan, scan.store.read(key), key))
        except NotFound:  # the store's listing was behind
            continue
        except RecordDamaged as error:  # the others go on
            scan.warn(str(error))
    return plans


async def _begin_batches(scan: ScanContext, client: PrefectClient, look: Look, running: int) -> list[Plan]:
    """Begin as many batches as the inbox may have open, and return them."""
    begun: list[Plan] = []
    while running + len(begun) < scan.inbox.max_open_batches:
        plan = await asyncio.to_thread(plan_batch, scan, look.options)
        if plan is None:
            break
        carried = await _carried_out(scan, client, plan)
        begun += [carried] if carried else []
    return begun


async def _carried_out(scan: ScanContext, client: PrefectClient, plan: Plan) -> Plan | None:
    try:
        return await carry_out(scan, client, plan)
    except DiskFull:
        scan.warn(
            f"The disk of {scan.settings.uploads_folder}, or the store's, is full. Free some space on it; batch "
            f"{plan.batch_id} of the inbox goes on then."
        )
        raise


def _index_of(settings: Settings, inbox: Inbox) -> Path:
    return settings.ingest_folder / f"{inbox.name}.sqlite"


def _is_late(index: Index, scheduled_at: datetime, now: datetime) -> bool:
    """Return whether a scan began after this one was due; a time in the future is of a clock that was set back."""
    latest = index.fact(BEGAN)
    return bool(latest) and scheduled_at < datetime.fromisoformat(latest) <= now


def _told(store: Store, inbox: Inbox, told: TranscriptionError) -> TranscriptionError:
    """Put the error into the inbox's report as well, if possible, and return it."""
    keys = IngestKeys(inbox=inbox.name)
    with contextlib.suppress(TranscriptionError):
        report = _latest_report(store, keys, inbox)
        changed = report.model_copy(update={"problem": str(told), "scanned_at": datetime.now(UTC), "new": 0})
        store.write(keys.report, changed.model_dump_json().encode())
    return told


def _latest_report(store: Store, keys: IngestKeys, inbox: Inbox) -> InboxReport:
    try:
        return InboxReport.model_validate_json(store.read(keys.report))
    except (NotFound, ValidationError):
        return InboxReport(inbox=inbox.name, location=inbox.path, scanned_at=datetime.now(UTC), scan_seconds=0)


def _in_words(error: Exception, index: Path) -> TranscriptionError:
    """Return *error* as a sentence; a damaged index is removed."""
    if isinstance(error, TranscriptionError):
        return error
    if isinstance(error, (sqlite3.Error, OSError)):
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            Index.remove(index)
            return InboxUnavailable(
                f"The index {index} was damaged ({error}) and is removed. The next scan makes it again."
            )
        return InboxUnavailable(
            f"The index {index}, or what a scan needs beside it, can't be used: {error}. Free some space on its disk, "
            "or allow Batchscribe to write there."
        )
    if isinstance(error, httpx.HTTPStatusError) and not is_transient(error):
        return refusal(error)
    return PrefectUnavailable("The Prefect server does not answer. The next scan goes on where this one stopped.")
