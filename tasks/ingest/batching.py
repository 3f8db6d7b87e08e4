"""Choose which files of an inbox become the next batch, and write the plan of it."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.batches import job_id_for, new_batch_id
from tasks.errors import NotFound, RecordDamaged
from tasks.ingest.context import ScanContext, pause_after
from tasks.ingest.folder_options import FolderOptions
from tasks.ingest.index import Known
from tasks.ingest.outcomes import fate_of, read_ended
from tasks.ingest.records import Claim, Plan, PlannedFile
from tasks.ingest.sources import SourceChanged, SourceDenied, numbered
from tasks.names import clean_path, file_size
from tasks.options import TranscriptionOptions
from tasks.storage.keys import BatchKeys
from tasks.storage.part_file import free_bytes
from tasks.storage.records import parse_record

MAX_NAME_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class _Hashed:
    """A file whose content is known."""

    file: Known
    sha256: str


def plan_batch(scan: ScanContext, options: Mapping[str, FolderOptions]) -> Plan | None:
    """Write the plan of the next batch and return it, or None if no file is to be ingested now."""
    while chosen := _choose(scan, options):
        new = _new_contents(scan, chosen)
        if new:
            return _write_plan(scan, new, options[chosen[0].wanted].options)
    return None


def _choose(scan: ScanContext, options: Mapping[str, FolderOptions]) -> list[Known]:
    """Return the oldest file that can be ingested, and what may share a batch with it, within all limits."""
    room = min(free_bytes(scan.settings), scan.settings.max_batch_bytes)
    chosen: list[Known] = []
    for file in scan.index.candidates(largest=scan.settings.max_file_bytes):
        if file.wanted not in options:  # its folder waits, or was not looked at
            continue
        if chosen and _group(scan, file) != _group(scan, chosen[0]):
            continue
        if file.size > room:
            if not chosen:
                _warn_of_disk(scan, file.size, room)
            break
        room -= file.size
        chosen.append(file)
        if len(chosen) == scan.inbox.max_files:
            break
    return chosen


def _warn_of_disk(scan: ScanContext, size: int, room: int) -> None:
    scan.warn(
        f"The disk of {scan.settings.uploads_folder} has room for {file_size(room)} of uploads, and the next file "
        f"needs {file_size(size)}. Free some space on it; the files wait."
    )


def _group(scan: ScanContext, file: Known) -> tuple[str, str]:
    """Return the key that the files of one batch have in common."""
    top, below, _ = file.path.partition("/")
    return (top if below and scan.inbox.group == "top-folder" else "", file.wanted)


def _new_contents(scan: ScanContext, files: Sequence[Known]) -> list[_Hashed]:
    """Return the files whose content is not claimed yet, by path; the others are noted as known."""
    new: dict[str, _Hashed] = {}
    for hashed in _hashed(scan, sorted(files, key=lambda file: file.path)):
        try:
            claim = _claim_of(scan, hashed)
        except RecordDamaged as error:
            _keep_problem(scan, hashed.file.path, str(error))
            continue
        if claim is not None:
            _note_known(scan, hashed, claim)
        else:  # one that repeats another of the batch is noted when that one is claimed
            new.setdefault(hashed.sha256, hashed)
    return list(new.values())


def _hashed(scan: ScanContext, files: Sequence[Known]) -> Iterator[_Hashed]:
    for file in files:
        scan.go_on()
        sha256 = file.sha256
        if sha256 is None:
            sha256 = _hash(scan, file)
            if sha256 is None:
                continue
            scan.index.keep_hash(file, sha256)
        yield _Hashed(file, sha256)


def _hash(scan: ScanContext, file: Known) -> str | None:
    """Return the checksum of the file's content; None if it changed meanwhile, or can't be read now."""
    digest = hashlib.sha256()
    try:
        for chunk in scan.source.chunks(file.path, file.signature):
            scan.go_on()
            digest.update(chunk)
    except SourceChanged:
        scan.index.forget(file.path)
        return None
    except SourceDenied as error:
        note_denied(scan, file.path, str(error))
        return None
    return digest.hexdigest()


def note_denied(scan: ScanContext, path: str, why: str) -> None:
    """Schedule another try for a file that can't be read."""
    _keep_problem(scan, path, f"It can't be read: {why}. Allow Batchscribe's user to read it.")


def _keep_problem(scan: ScanContext, path: str, problem: str) -> None:
    pause = pause_after(scan.index.tries(path), scan.inbox.interval)
    scan.index.keep_problem(path, problem, next_try=time.time() + pause)


def _claim_of(scan: ScanContext, hashed: _Hashed) -> Claim | None:
    """Return the claim of the content, unless it is one of a batch that was never made."""
    key = scan.keys.claim(hashed.sha256, hashed.file.wanted)
    try:
        claim = parse_record(Claim, scan.store.read(key), key)
    except NotFound:
        return None
    records = (
        scan.keys.ended(claim.batch_id),
        scan.keys.plan(claim.batch_id),
        BatchKeys.of(claim.batch_id).manifest,
    )
    if any(scan.store.stat(record) is not None for record in records):
        return claim
    scan.store.delete(key)
    return None


def _note_known(scan: ScanContext, hashed: _Hashed, claim: Claim) -> None:
    note_known(scan, hashed.file.path, hashed.file.signature, hashed.file.wanted, claim)


def note_known(scan: ScanContext, path: str, signature: str, wanted: str, claim: Claim) -> None:
    """Note that the content of a file is ingested already: by an earlier scan whose index is lost, or elsewhere."""
    outcome, error = fate_of(read_ended(scan, claim.batch_id), claim.job_id)
    original = claim.source if claim.source != path else ""
    job = (claim.batch_id, claim.job_id)
    scan.index.decide(path, signature, wanted, job, outcome=outcome, error=error, original=original)
    scan.news += 1


def _write_plan(scan: ScanContext, new: Sequence[_Hashed], options: TranscriptionOptions) -> Plan:
    """Write down what the batch is to hold, before anything is done for it."""
    now = datetime.now(UTC)
    fingerprint = new[0].file.wanted
    claims = sorted(f"{hashed.sha256}-{fingerprint}" for hashed in new)
    batch_id = new_batch_id(now, hashlib.sha256("\n".join([scan.inbox.name, *claims]).encode()).digest())
    plan = Plan(
        batch_id=batch_id,
        name=_name(scan, new[0].file),
        created_at=now,
        options=options,
        fingerprint=fingerprint,
        files=tuple(_planned(batch_id, new)),
    )
    scan.store.create(scan.keys.plan(batch_id), plan.model_dump_json().encode())
    return plan


def _name(scan: ScanContext, file: Known) -> str:
    folder = _group(scan, file)[0]
    name = f"{scan.inbox.name}: {clean_path(folder)}" if folder else scan.inbox.name
    return name[:MAX_NAME_CHARACTERS]


def _planned(batch_id: str, new: Sequence[_Hashed]) -> Iterator[PlannedFile]:
    """Yield the files with the paths they get: two that differ only in how their accents are encoded are numbered."""
    taken: set[str] = set()
    for hashed in new:
        path, number = clean_path(hashed.file.path), 1
        while numbered(path, number) in taken:
            number += 1
        path = numbered(path, number)
        taken.add(path)
        yield PlannedFile(
            source=hashed.file.path,
            path=path,
            job_id=job_id_for(batch_id, path),
            size=hashed.file.size,
            sha256=hashed.sha256,
            signature=hashed.file.signature,
        )
