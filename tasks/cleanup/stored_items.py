"""A snapshot of the contents of a batch, in the store and on the disk of the dashboard."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath

from tasks.batches import JOB_ID, Job, Manifest
from tasks.cleanup.removals import StoredItem
from tasks.storage.keys import BatchKeys, jobs_without_results, result_keys

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BatchInventory:
    """The contents of a batch: objects of the store by key, files of uploads and work folders on this machine."""

    batch_id: str
    objects: Mapping[str, StoredItem] = field(default_factory=dict)
    manifest: Manifest | None = None
    named: frozenset[str] | None = None
    """Keys of the documents that its publications name; None where there are just as many as there should be."""
    results: Mapping[str, StoredItem] = field(default_factory=dict)
    """Objects under the stable addresses of its documents, by key."""
    uploads: tuple[StoredItem, ...] = ()
    receiving: bool = False
    """True if an upload is being received right now."""
    work: tuple[StoredItem, ...] = ()

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
    def marked_cancelled(self) -> frozenset[str]:
        """The jobs that were cancelled before they had a run."""
        return frozenset(PurePosixPath(held.name).stem for held in self._below(self.keys.cancel_marks))

    def recording(self, job_id: str) -> tuple[StoredItem, ...]:
        """Return the job's recording and its record, the record first: without it there is no recording."""
        keys = (self.keys.recording_record(job_id), self.keys.recording(job_id))
        return tuple(self.objects[key] for key in keys if key in self.objects)

    def upload(self, job_id: str) -> tuple[StoredItem, ...]:
        """Return the job's upload, if it is there."""
        return tuple(held for held in self.uploads if PurePosixPath(held.name).name == job_id)

    def recorded(self, upload: StoredItem) -> bool:
        """Return whether the upload has a record of its own: without one it did not arrive."""
        name = PurePosixPath(upload.name).name
        return JOB_ID.fullmatch(name) is not None and self.keys.upload(name) in self.objects

    def unrecorded_recordings(self, jobs: Iterable[str]) -> tuple[StoredItem, ...]:
        """Return the recordings that have no record, or belong to none of the *jobs*."""
        return tuple(
            held
            for held in self._below(self.keys.recordings)
            if (job_id := PurePosixPath(held.name).stem) not in jobs
            or self.keys.recording_record(job_id) not in self.objects
        )

    def unnamed_documents(self) -> tuple[StoredItem, ...]:
        """Return the documents that no publication names."""
        if self.named is None:
            return ()
        return tuple(held for held in self._below(self.keys.documents) if held.name not in self.named)

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
        published = {held.name: held.modified for held in self._below(self.keys.publications)}
        held = {key: held.modified for key, held in self.results.items()}
        return tuple(jobs_without_results(self.manifest, published, held))

    def _below(self, prefix: str) -> Iterable[StoredItem]:
        return (held for key, held in self.objects.items() if key.startswith(prefix))
