"""
Take stock of what batches hold, in the store and on this machine's disk.

Of a batch whose records and documents are complete this is one listing and one small read, however many jobs it has.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from tasks.batches import BATCH_ID, JOB_ID, Manifest
from tasks.cleanup.removals import Location, StoredItem
from tasks.cleanup.stored_items import BatchInventory
from tasks.documents.results import list_results
from tasks.errors import NotFound
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.keys import BATCHES, BatchKeys
from tasks.storage.records import read_publication


def batches_to_look_at(store: Store, settings: Settings) -> list[str]:
    """Return the ids of all batches of which the store or this machine's disk holds anything, oldest first."""
    in_work = (job["batch_id"] for path in _entries(settings.work_folder) if (job := JOB_ID.match(path.name)))
    names = {path.name for path in _entries(settings.uploads_folder)} | {*store.folders(BATCHES)}
    return sorted({name for name in names if BATCH_ID.fullmatch(name)} | {*in_work})


def read_inventory(store: Store, settings: Settings, batch_id: str) -> BatchInventory:
    """Return the inventory of the batch."""
    keys = BatchKeys.of(batch_id)
    # The files first: one that nobody holds locked by then has its record, or will never get one.
    folder = settings.uploads_folder / batch_id
    unlocked = [path for path in _entries(folder) if path.is_file() and not is_locked(path)]
    receiving = len(unlocked) < len([path for path in _entries(folder) if path.is_file()])
    objects = {
        found.key: StoredItem(Location.STORE, found.key, found.size, found.modified)
        for found in store.objects(keys.folder)
    }
    manifest = _manifest(store, keys) if keys.manifest in objects else None
    return BatchInventory(
        batch_id=batch_id,
        objects=objects,
        manifest=manifest,
        named=_named(store, keys, objects, manifest),
        results={
            found.key: StoredItem(Location.STORE, found.key, found.size, found.modified)
            for found in (list_results(store, manifest.batch) if manifest else ())
        },
        uploads=tuple(_held(unlocked, Location.UPLOADS, settings.uploads_folder)),
        receiving=receiving,
        work=tuple(_held(_work_of(settings, batch_id), Location.WORK, settings.work_folder)),
    )


def is_locked(path: Path) -> bool:
    """Return whether a process of this machine is receiving the file (`tasks.storage.part_file` locks what arrives)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _manifest(store: Store, keys: BatchKeys) -> Manifest | None:
    with contextlib.suppress(NotFound):  # dismissed in this moment
        return Manifest.model_validate_json(store.read(keys.manifest))
    return None


def _named(store: Store, keys: BatchKeys, objects: Iterable[str], manifest: Manifest | None) -> frozenset[str] | None:
    """
    Return the documents that the batch's publications name; None if there are just as many as they should be.

    None, too, if a publication cannot be read: its documents are unknown then.
    """
    if manifest is None:
        return None
    published = [PurePosixPath(key).stem for key in objects if key.startswith(keys.publications)]
    documents = sum(key.startswith(keys.documents) for key in objects)
    if documents == len(published) * len(set(manifest.batch.options.formats)):
        return None
    try:
        publications = [read_publication(store, keys.batch_id, job_id) for job_id in published]
    except ValidationError:
        return None
    if any(publication is None for publication in publications):
        return None
    return frozenset(document.key for publication in publications if publication for document in publication.documents)


def _work_of(settings: Settings, batch_id: str) -> Iterator[Path]:
    for path in _entries(settings.work_folder):
        job = JOB_ID.match(path.name)
        if job is not None and job["batch_id"] == batch_id and path.is_dir():
            yield path


def _held(paths: Iterable[Path], place: Location, folder: Path) -> Iterator[StoredItem]:
    """Yield files, and folders with all that is in them, as things of *folder*."""
    for path in paths:
        sizes, times = [], []
        for part in (path, *path.rglob("*")):
            with contextlib.suppress(OSError):  # removed in this moment
                status = part.lstat()
                sizes.append(status.st_size if part.is_file() else 0)
                times.append(status.st_mtime)
        if times:
            modified = datetime.fromtimestamp(max(times), UTC)
            yield StoredItem(place, path.relative_to(folder).as_posix(), sum(sizes), modified)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
