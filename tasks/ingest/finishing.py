"""
Finish files whose job has ended, as the inbox asks for: documents next to them, then move or delete them.

Nothing is touched before every document of the job has been read back from the store, nor a file that is no longer the
one that was ingested, nor a document that we did not write. A refusal by the file system costs no job: it is reported,
and the step is tried again.
"""

import hashlib
import time
from pathlib import PurePosixPath

from tasks.batches import Batch, Publication, Stage
from tasks.errors import NotFound
from tasks.ingest.context import ScanContext, pause_after
from tasks.ingest.records import Ended, Outcome, PlannedFile, Written
from tasks.ingest.sources import SourceChanged, SourceDenied
from tasks.names import DocumentNames, document_name, document_stems
from tasks.storage.keys import BatchKeys
from tasks.storage.records import parse_record, published_and_intact
from tasks.storage.revisions import newest_revision, with_revision

ERROR_NOTE = ".batchscribe-error.txt"


def needs_finishing(scan: ScanContext, ended: Ended) -> bool:
    """Return whether there is anything to do for the files of a batch."""
    if scan.inbox.beside:
        return bool(ended.outcomes)
    return scan.inbox.after != "keep" and any(outcome.stage is Stage.DONE for outcome in ended.outcomes)


def finish(scan: ScanContext, ended: Ended) -> bool:
    """Finish the files of a batch, and return whether nothing is left to do."""
    batch_id = ended.plan.batch_id
    tries, _, next_try = scan.index.fact(f"finish {batch_id}").partition(" ")
    if next_try and float(next_try) > time.time():
        return False
    files = {file.job_id: file for file in ended.plan.files}
    denied = 0
    for outcome in ended.outcomes:
        scan.go_on()
        try:
            _finish_file(scan, ended, files[outcome.job_id], outcome)
        except SourceChanged:  # gone, or another content that is ingested in its turn
            continue
        except SourceDenied as error:
            denied += 1
            scan.warn(_sentence(scan, str(error)))
    if not denied:
        return True
    count = int(tries or 0) + 1
    scan.index.keep_fact(f"finish {batch_id}", f"{count} {time.time() + pause_after(count, scan.inbox.interval)}")
    return False


def _sentence(scan: ScanContext, why: str) -> str:
    wanted = {"keep": "written to", "move": "moved", "delete": "deleted"}[scan.inbox.after]
    return (
        f"Files of the inbox that are done can't be {wanted}: {why}. Allow Batchscribe's user to change "
        f'{scan.inbox.path}, or set after = "keep" and beside = false. It is tried again.'
    )


def _finish_file(scan: ScanContext, ended: Ended, file: PlannedFile, outcome: Outcome) -> None:
    if outcome.stage is Stage.FAILED and scan.inbox.beside:
        _write_error_note(scan, file, outcome.error)
    if outcome.stage is not Stage.DONE:
        return
    publication = published_and_intact(scan.store, ended.plan.batch_id, outcome.job_id)
    if publication is None:
        return
    if scan.inbox.beside:
        publication = with_revision(publication, newest_revision(scan.store, outcome.job_id))
        _write_documents(scan, file, publication, _names_of(scan, ended.plan.batch_id))
    now = scan.source.look(file.source)
    if now is None or now.signature != file.signature:
        return
    if scan.inbox.after == "delete":
        scan.source.delete(file.source, file.signature)
        scan.news += 1
    elif scan.inbox.after == "move":
        target = f"{scan.inbox.move_to}/{file.source}"
        scan.source.move(file.source, file.signature, target, file.sha256)
        scan.news += 1


def _write_error_note(scan: ScanContext, file: PlannedFile, error: str) -> None:
    if scan.source.look(file.source) is not None:
        _write(scan, f"{file.source}{ERROR_NOTE}", file.source, f"{error}\n".encode())


def _names_of(scan: ScanContext, batch_id: str) -> DocumentNames:
    key = BatchKeys.of(batch_id).batch
    try:
        return parse_record(Batch, scan.store.read(key), key).names
    except NotFound:  # dismissed in this moment
        return DocumentNames.REFINED


def _write_documents(scan: ScanContext, file: PlannedFile, publication: Publication, names: DocumentNames) -> None:
    if scan.source.look(file.source) is None:
        return
    short = document_stems([file.source], names)[file.source]
    for document in publication.documents:
        content = scan.store.read(document.key)
        # A stem may be another file's already, such as that of a.wav beside a.mp3: then the ending stays.
        if not _write(scan, document_name(short, document.format, names), file.source, content):
            _write_with_ending(scan, file, document_name(file.source, document.format, names), content)
    _remove_error_note(scan, file)


def _write_with_ending(scan: ScanContext, file: PlannedFile, path: str, content: bytes) -> None:
    if not _write(scan, path, file.source, content):
        scan.warn(
            f"{PurePosixPath(path).name} is not written beside {PurePosixPath(file.source).name}: another file has "
            "that name. Rename that one, then retry the batch; the document is in the store."
        )


def _write(scan: ScanContext, path: str, source: str, content: bytes) -> bool:
    """Write a file of ours next to *source*; False if there is one that we did not write for it."""
    digest = hashlib.sha256(content).hexdigest()
    key = scan.keys.written(path)
    try:
        known = parse_record(Written, scan.store.read(key), key)
    except NotFound:
        known = Written(path=path, source=source, sha256=())
    if known.source != source:
        return False
    there = scan.source.look(path)
    found = hashlib.sha256(scan.source.read(path)).hexdigest() if there else ""
    if found == digest and digest in known.sha256:
        return True
    if there is not None and found not in known.sha256:
        return False
    intended = known.model_copy(update={"sha256": (*known.sha256[-1:], digest)})
    scan.store.write(key, intended.model_dump_json().encode())
    scan.news += 1
    return scan.source.place(path, content, over=there is not None)


def _remove_error_note(scan: ScanContext, file: PlannedFile) -> None:
    path = f"{file.source}{ERROR_NOTE}"
    key = scan.keys.written(path)
    note = scan.source.look(path)
    if note is None:
        return
    try:
        known = parse_record(Written, scan.store.read(key), key)
    except NotFound:
        return
    if hashlib.sha256(scan.source.read(path)).hexdigest() in known.sha256:
        scan.source.delete(path, note.signature)
