"""
The inventory of a batch: what it holds in the store and on this machine's disk, and which of its runs are under way.

Of a batch whose records and documents are complete this is two listings and one small read, however many jobs it has,
and another one for each video that is kept to be watched.
"""

import contextlib
import fcntl
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Literal

from tasks.batches import BATCH_ID, JOB_ID, Job, Manifest, Recording
from tasks.documents.results import list_results
from tasks.errors import NotFound
from tasks.media.formats import video_type
from tasks.settings import Settings
from tasks.storage.base import Store, StoredObject
from tasks.storage.edits import read_edits
from tasks.storage.keys import BATCHES, EDITS, BatchKeys, jobs_without_results, result_keys
from tasks.storage.records import parse_record, read_derived, read_publication
from tasks.storage.resumable_file import is_resumable
from tasks.storage.revisions import read_revision

LONG_AGO = datetime.min.replace(tzinfo=UTC)

Location = Literal["store", "uploads", "work", "prefect"]
"""The place where an item is kept."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """
    Something that takes up space; *size* in bytes, *modified* in UTC.

    Its name is a key of the store, a path below the folder of the uploads, or a folder below the work folder.
    """

    location: Location
    name: str
    size: int
    modified: datetime


def in_store(found: StoredObject) -> StoredItem:
    """Return an object of the store as an item."""
    return StoredItem("store", found.key, found.size, found.modified)


@dataclass(frozen=True, slots=True)
class Activity:
    """Run activity of a batch: whether a run is under way, and when the last ended; None if Prefect knows of none."""

    active: bool = False
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchInventory:
    """The contents of a batch: objects of the store by key, files of uploads and work folders on this machine."""

    batch_id: str
    objects: Mapping[str, StoredItem] = field(default_factory=dict)
    manifest: Manifest | None = None
    named: frozenset[str] | None = None
    """
    Keys of the documents, and of what they are made of, that its publications and revisions name; None where there are
    just as many as there should be.
    """
    results: Mapping[str, StoredItem] = field(default_factory=dict)
    """Objects under the stable addresses of its documents, by key."""
    uploads: tuple[StoredItem, ...] = ()
    receiving: bool = False
    """True if an upload is being received right now."""
    work: tuple[StoredItem, ...] = ()
    activity: Activity = Activity()
    cancelled: frozenset[str] = frozenset()
    """Jobs without documents that were cancelled."""
    dismissed_jobs: frozenset[str] = frozenset()
    """Jobs that are gone for every reader."""
    videos: frozenset[str] = frozenset()
    """Jobs that are done and whose upload is there and has a picture that browsers may show."""
    damaged: frozenset[str] = frozenset()
    """Jobs whose documents turned out not to be as they were published."""

    @property
    def keys(self) -> BatchKeys:
        """The keys of the batch."""
        return BatchKeys.of(self.batch_id)

    @property
    def dismissed(self) -> bool:
        """True if the batch is gone for every reader; what is left of it was missed, or came too late."""
        return self.keys.batch not in self.objects

    @property
    def everything(self) -> tuple[StoredItem, ...]:
        """All things of the batch."""
        return (*self.uploads, *self.work, *self.results.values(), *self.objects.values())

    @property
    def ended_at(self) -> datetime:
        """Time at which the batch ended: that of its last run, or of its last change if Prefect knows of no run."""
        return self.activity.ended_at or self.last_change

    @property
    def last_change(self) -> datetime:
        """Time of the last write to anything in the batch."""
        return max((held.modified for held in self.everything), default=LONG_AGO)

    def published_at(self, job_id: str) -> datetime | None:
        """Return the time at which the job's documents were published, or None if they were not."""
        publication = self.objects.get(self.keys.publication(job_id))
        return publication.modified if publication else None

    def is_kept(self, job_id: str) -> bool:
        """Return whether the user wants the job's upload kept though they cancelled the job."""
        return self.keys.keep_mark() in self.objects or self.keys.keep_mark(job_id) in self.objects

    @property
    def gone_early(self) -> frozenset[str]:
        """The cancelled jobs whose uploads need not wait for a retry."""
        return frozenset(job_id for job_id in self.cancelled if not self.is_kept(job_id))

    @property
    def marked_cancelled(self) -> frozenset[str]:
        """The jobs that were cancelled before they had a run."""
        return frozenset(PurePosixPath(held.name).stem for held in self._below(self.keys.cancel_marks))

    def recording(self, job_id: str) -> tuple[StoredItem, ...]:
        """Return the job's recording, its plan and its record, the record first: without it there is no recording."""
        keys = (self.keys.recording_record(job_id), self.keys.speech_plan(job_id), self.keys.recording(job_id))
        return tuple(self.objects[key] for key in keys if key in self.objects)

    def upload(self, job_id: str) -> tuple[StoredItem, ...]:
        """Return the job's upload, if it is there."""
        return tuple(held for held in self.uploads if PurePosixPath(held.name).name == job_id)

    def everything_of(self, job_id: str) -> tuple[StoredItem, ...]:
        """Return what the job holds: its publication first. Its documents are then named by none."""
        published = self.objects.get(self.keys.publication(job_id))
        corrected = chain(*map(self._below, (self.keys.revisions_of(job_id), self.keys.transcripts_of(job_id))))
        keys = (self.keys.upload, self.keys.cancel_mark, self.keys.keep_mark, self.keys.expiry)
        records = (self.objects[key(job_id)] for key in keys if key(job_id) in self.objects)
        others = (*corrected, *self.recording(job_id), *self.upload(job_id), *records)
        return (published, *others) if published else others

    def recorded(self, upload: StoredItem) -> bool:
        """Return whether the upload has a record of its own: without one it did not arrive."""
        name = PurePosixPath(upload.name).name
        return JOB_ID.fullmatch(name) is not None and self.keys.upload(name) in self.objects

    def can_go_on(self, upload: StoredItem) -> bool:
        """Return whether the upload is the part of one that broke off and can go on where it ended."""
        return is_resumable(PurePosixPath(upload.name).name)

    def unrecorded_recordings(self, jobs: Iterable[str]) -> tuple[StoredItem, ...]:
        """Return the recordings that have no record, or belong to none of the *jobs*."""
        return tuple(
            held
            for held in self._below(self.keys.recordings)
            if (job_id := PurePosixPath(held.name).stem) not in jobs
            or self.keys.recording_record(job_id) not in self.objects
        )

    def unneeded_parts(self) -> tuple[StoredItem, ...]:
        """Return what was heard part by part of recordings that are gone, or whose jobs are done."""
        return tuple(
            held
            for held in self._below(self.keys.parts)
            if (job_id := held.name.removeprefix(self.keys.parts).partition("/")[0])
            and (self.published_at(job_id) is not None or self.keys.recording_record(job_id) not in self.objects)
        )

    def unnamed_documents(self) -> tuple[StoredItem, ...]:
        """Return the documents, and what documents are made of, that no publication and no revision names."""
        if self.named is None:
            return ()
        found = chain(self._below(self.keys.documents), self._below(self.keys.transcripts))
        return tuple(held for held in found if held.name not in self.named)

    def unpublished_results(self) -> tuple[StoredItem, ...]:
        """Return the objects under stable addresses that are not documents of a job that is done."""
        if self.manifest is None or not self.results:
            return ()
        done = (job for job in self.manifest.jobs if self.published_at(job.job_id))
        named = {key for job in done for key in result_keys(self.manifest.batch, job)}
        return tuple(held for key, held in self.results.items() if key not in named)

    def jobs_without_results(self) -> tuple[Job, ...]:
        """Return the jobs that are done and lack a document under its stable address."""
        if self.manifest is None or not self.manifest.batch.results or self.dismissed:
            return ()
        records = chain(self._below(self.keys.publications), self._below(self.keys.revisions))
        published = {held.name: held.modified for held in records}
        held = {key: held.modified for key, held in self.results.items()}
        return tuple(jobs_without_results(self.manifest, published, held))

    def _below(self, prefix: str) -> Iterable[StoredItem]:
        return (held for key, held in self.objects.items() if key.startswith(prefix))


def batches_to_look_at(store: Store, settings: Settings) -> list[str]:
    """Return the ids of all batches of which the store or this machine's disk holds anything, oldest first."""
    in_work = (job["batch_id"] for path in entries(settings.work_folder) if (job := JOB_ID.match(path.name)))
    names = {path.name for path in entries(settings.uploads_folder)} | {*store.folders(BATCHES)}
    names |= {*store.folders(EDITS)}
    return sorted({name for name in names if BATCH_ID.fullmatch(name)} | {*in_work})


def read_inventory(store: Store, settings: Settings, batch_id: str) -> BatchInventory:
    """Return the inventory of the batch. Raises `RecordDamaged` if its manifest cannot be understood."""
    keys = BatchKeys.of(batch_id)
    # The files first: one that nobody holds locked by then has its record, or will never get one.
    folder = settings.uploads_folder / batch_id
    unlocked = [path for path in entries(folder) if path.is_file() and not is_locked(path)]
    receiving = len(unlocked) < len([path for path in entries(folder) if path.is_file()])
    objects = {found.key: in_store(found) for found in chain(store.objects(keys.folder), store.objects(keys.edits))}
    edited = any(key.startswith(keys.edits) for key in objects)
    manifest = _manifest(store, keys) if keys.manifest in objects else None
    return BatchInventory(
        batch_id=batch_id,
        objects=objects,
        manifest=manifest,
        videos=_videos(store, keys, objects, manifest, {path.name for path in unlocked}),
        named=_named(store, keys, objects, manifest),
        results={found.key: in_store(found) for found in (list_results(store, manifest.batch) if manifest else ())},
        uploads=tuple(_items(unlocked, "uploads", settings.uploads_folder)),
        receiving=receiving,
        work=tuple(_items(_work_of(settings, batch_id), "work", settings.work_folder)),
        dismissed_jobs=frozenset(read_edits(store, batch_id).dismissed if edited else ()),
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
        return parse_record(Manifest, store.read(keys.manifest), keys.manifest)
    return None


def _named(store: Store, keys: BatchKeys, objects: Iterable[str], manifest: Manifest | None) -> frozenset[str] | None:
    """
    Return what the batch's publications and revisions name; None if there is just as much of it as there should be.

    None, too, if one of them cannot be read: its documents are unknown then.
    """
    if manifest is None:
        return None
    published = [PurePosixPath(key).stem for key in objects if key.startswith(keys.publications)]
    revised = [key for key in objects if key.startswith(keys.revisions)]
    documents, transcripts = (
        sum(key.startswith(prefix) for key in objects) for prefix in (keys.documents, keys.transcripts)
    )
    complete = documents == (len(published) + len(revised)) * len(set(manifest.batch.options.formats))
    if complete and transcripts in (len(revised), len(published) + len(revised)):  # older jobs kept no transcript
        return None
    records = [
        *(read_publication(store, keys.batch_id, job_id) for job_id in published),
        *(read_revision(store, key) for key in revised),
    ]
    if any(record is None for record in records):
        return None
    return frozenset(
        key
        for record in records
        if record is not None
        for key in (record.transcript, *(document.key for document in record.documents))
        if key
    )


def _videos(
    store: Store, keys: BatchKeys, objects: Container[str], manifest: Manifest | None, uploads: Container[str]
) -> frozenset[str]:
    jobs = manifest.jobs if manifest else ()
    kept = [job for job in jobs if job.job_id in uploads and keys.publication(job.job_id) in objects]
    records = ((job, read_derived(store, keys.recording_record(job.job_id), Recording)) for job in kept)
    return frozenset(job.job_id for job, recording in records if video_type(job.path, recording))


def _work_of(settings: Settings, batch_id: str) -> Iterator[Path]:
    for path in entries(settings.work_folder):
        job = JOB_ID.match(path.name)
        if job is not None and job["batch_id"] == batch_id and path.is_dir():
            yield path


def _items(paths: Iterable[Path], place: Location, folder: Path) -> Iterator[StoredItem]:
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


def entries(folder: Path) -> list[Path]:
    """Return the entries of a folder in order; none if there is no such folder."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
