"""
Carry out a plan: claim its contents, copy them among the uploads, freeze the batch and start it.

::

    plan ──► claims ──► batch.json ──► each file: copy, then its Upload ──► manifest ──► run ──► the plan says: started

Every step can be repeated and finds what was done before it, so a scan that is killed anywhere is continued by the next
one. A file that is no longer what was planned leaves the plan: its claim is given back, and it waits again.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from prefect.client.orchestration import PrefectClient

from tasks.batches import Batch, Manifest, StartedRun, Upload, manifest_of
from tasks.errors import NotFound, UploadTooLarge
from tasks.ingest.batching import note_denied, note_known
from tasks.ingest.context import ScanContext
from tasks.ingest.index import OPEN
from tasks.ingest.records import Claim, Plan, PlannedFile
from tasks.ingest.sources import SourceChanged, SourceDenied
from tasks.orchestration.start_batch import create_batch_run, create_manifest
from tasks.storage.keys import BatchKeys
from tasks.storage.part_file import PartFile
from tasks.storage.records import parse_record


async def carry_out(scan: ScanContext, client: PrefectClient, plan: Plan) -> Plan | None:
    """Start the batch of the plan and return the plan as it stands; None if nothing is left of it."""
    manifest = await asyncio.to_thread(_fill, scan, plan)
    if manifest is None:
        return None
    flow_run_id = await _started_run(scan, client, manifest.batch)
    jobs = {job.job_id for job in manifest.jobs}
    files = tuple(file for file in plan.files if file.job_id in jobs)
    started = plan.model_copy(update={"flow_run_id": flow_run_id, "files": files})
    await asyncio.to_thread(scan.store.write, scan.keys.plan(plan.batch_id), started.model_dump_json().encode())
    scan.new += len(manifest.jobs)
    return started


async def _started_run(scan: ScanContext, client: PrefectClient, batch: Batch) -> str:
    """Return the batch's run: one that the dashboard made meanwhile, or a new one."""
    scan.go_on()
    key = BatchKeys.of(batch.batch_id).run
    try:
        return parse_record(StartedRun, await asyncio.to_thread(scan.store.read, key), key).flow_run_id
    except NotFound:
        run = StartedRun(flow_run_id=await create_batch_run(client, batch), created_at=datetime.now(UTC))
        await asyncio.to_thread(scan.store.write, key, run.model_dump_json().encode())
        return run.flow_run_id


def _fill(scan: ScanContext, plan: Plan) -> Manifest | None:
    keys = BatchKeys.of(plan.batch_id)
    try:
        manifest = parse_record(Manifest, scan.store.read(keys.manifest), keys.manifest)
    except NotFound:
        uploads = _uploads(scan, plan)
        if not uploads:
            _drop(scan, plan)
            return None
        manifest = create_manifest(scan.store, manifest_of(_batch(scan, plan), uploads, started_at=datetime.now(UTC)))
    jobs = {job.job_id for job in manifest.jobs}
    for file in plan.files:
        if file.job_id in jobs:
            _note_claimed(scan, plan, file)
        else:
            _give_back(scan, plan, file)
    return manifest


def _batch(scan: ScanContext, plan: Plan) -> Batch:
    return Batch(
        batch_id=plan.batch_id,
        name=plan.name,
        created_at=plan.created_at,
        options=plan.options,
        inbox=scan.inbox.name,
        results=scan.settings.results,
        names=scan.settings.document_names,
    )


def _uploads(scan: ScanContext, plan: Plan) -> list[Upload]:
    """Return the uploads of the batch, made unless they are there."""
    claimed = [file for file in plan.files if _claim(scan, plan, file)]
    if not claimed:
        return []
    # Before the first file: of a batch that the store does not know, files without a record soon count as left behind.
    scan.store.create(BatchKeys.of(plan.batch_id).batch, _batch(scan, plan).model_dump_json().encode())
    return [upload for file in claimed if (upload := _arrived(scan, plan, file) or _copy(scan, plan, file))]


def _claim(scan: ScanContext, plan: Plan, file: PlannedFile) -> bool:
    """Claim the content for this plan; False if another batch has it."""
    scan.go_on()
    key, ours = _claim_of(scan, plan, file)
    if scan.store.create(key, ours.model_dump_json().encode()):
        return True
    standing = parse_record(Claim, scan.store.read(key), key)
    if standing.job_id != ours.job_id:
        note_known(scan, file.source, file.signature, plan.fingerprint, standing)
        return False
    return True


def _claim_of(scan: ScanContext, plan: Plan, file: PlannedFile) -> tuple[str, Claim]:
    claim = Claim(batch_id=plan.batch_id, job_id=file.job_id, source=file.source)
    return scan.keys.claim(file.sha256, plan.fingerprint), claim


def _arrived(scan: ScanContext, plan: Plan, file: PlannedFile) -> Upload | None:
    """Return the upload if an interrupted scan had copied it whole."""
    key = BatchKeys.of(plan.batch_id).upload(file.job_id)
    if not (_folder(scan, plan) / file.job_id).is_file():
        return None
    try:
        return parse_record(Upload, scan.store.read(key), key)
    except NotFound:
        return None


def _copy(scan: ScanContext, plan: Plan, file: PlannedFile) -> Upload | None:
    """
    Copy the file among the uploads and return its record; None if it is not what was planned.

    It stays locked until its record is written: until then sweeps and clean-ups would take it for a leftover.
    """
    part = PartFile(_folder(scan, plan), limit_bytes=file.size)
    try:
        part.open(file.size)
        for chunk in scan.source.chunks(file.source, file.signature):
            scan.go_on()
            part.write(chunk)
        received = part.complete()
        if (received.size, received.sha256) != (file.size, file.sha256):
            raise SourceChanged
        part.move_to(_folder(scan, plan) / file.job_id)
        return _record(scan, plan, file)
    except (SourceChanged, UploadTooLarge):
        scan.index.forget(file.source)
    except SourceDenied as error:
        note_denied(scan, file.source, str(error))
    finally:
        part.close()
    return None


def _record(scan: ScanContext, plan: Plan, file: PlannedFile) -> Upload:
    """Record the copy as an upload of the batch."""
    upload = Upload(
        job_id=file.job_id,
        path=file.path,
        size=file.size,
        sha256=file.sha256,
        uploaded_at=datetime.now(UTC),
    )
    key = BatchKeys.of(plan.batch_id).upload(file.job_id)
    scan.store.write(key, upload.model_dump_json().encode())
    return upload


def _drop(scan: ScanContext, plan: Plan) -> None:
    """Undo a plan of which no file is left."""
    for file in plan.files:
        _give_back(scan, plan, file)
    folder = _folder(scan, plan)
    for left in folder.glob("*"):
        left.unlink(missing_ok=True)
    if folder.is_dir():
        folder.rmdir()
    scan.store.delete_all(BatchKeys.of(plan.batch_id).folder)
    scan.store.delete(scan.keys.plan(plan.batch_id))


def _give_back(scan: ScanContext, plan: Plan, file: PlannedFile) -> None:
    key, ours = _claim_of(scan, plan, file)
    try:
        standing = parse_record(Claim, scan.store.read(key), key)
    except NotFound:
        return
    if standing.job_id == ours.job_id:
        scan.store.delete(key)


def _note_claimed(scan: ScanContext, plan: Plan, file: PlannedFile) -> None:
    job = (plan.batch_id, file.job_id)
    scan.index.decide(file.source, file.signature, plan.fingerprint, job, outcome=OPEN, error="", original="")


def _folder(scan: ScanContext, plan: Plan) -> Path:
    return scan.settings.uploads_folder / plan.batch_id
