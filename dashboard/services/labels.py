"""Labels: names and tags of batches, titles of recordings."""

from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import Field

from dashboard.services.record_cache import RecordCache
from tasks.batches import StoredModel, batch_id_of
from tasks.errors import NotFound
from tasks.names import display_name
from tasks.orchestration.status import BatchStatus, JobStatus
from tasks.storage.edits import BatchEdits, comparable


class BatchLabels(StoredModel):
    """The name and the tags of a batch."""

    batch_id: str
    name: str
    first_name: str = Field(description="the one it was made with: documents, ZIP and runs keep it")
    tags: tuple[str, ...]


class RecordingLabels(StoredModel):
    """The title of a recording."""

    job_id: str
    path: str
    title: str


class LabelService:
    """Names, tags and titles. Methods raise `NotFound`, `LabelInvalid`, `RevisionConflict` and `StoreUnavailable`."""

    def __init__(self, records: RecordCache) -> None:
        self._records = records

    async def label_batch(
        self, batch_id: str, name: str | None, *, instead_of: str | None, add: Sequence[str], remove: Sequence[str]
    ) -> BatchLabels:
        """Rename the batch if a *name* is given, add and remove tags, and return what it has then."""
        batch = await self._records.batch(batch_id)

        def change(edits: BatchEdits) -> BatchEdits:
            tagged = edits.tagged(add, remove)
            return tagged if name is None else tagged.renamed(name, first_name=batch.name, instead_of=instead_of)

        edits = await self._records.edits.change(batch_id, change)
        return BatchLabels(batch_id=batch_id, name=edits.name or batch.name, first_name=batch.name, tags=edits.tags)

    async def title_recording(self, job_id: str, title: str, *, instead_of: str | None) -> RecordingLabels:
        """Give the recording of the job a title; an empty one is none."""
        batch_id = batch_id_of(job_id)
        await self._records.check_stands(job_id)
        manifest = await self._records.manifest(batch_id)
        jobs = manifest.jobs if manifest else (await self._records.uploads(batch_id)).values()
        path = next((job.path for job in jobs if job.job_id == job_id), None)
        if path is None:
            msg = f"There is no job {display_name(job_id)} in its batch."
            raise NotFound(msg)
        edits = await self._records.edits.change(
            batch_id, lambda edits: edits.titled(job_id, title, instead_of=instead_of)
        )
        return RecordingLabels(job_id=job_id, path=path, title=edits.titles.get(job_id, ""))

    async def tagged(self, tag: str) -> frozenset[str]:
        """Return the ids of the batches that have the tag; case does not matter."""
        edits, wanted = await self._records.edits.all(), comparable(tag.strip())
        return frozenset(each.batch_id for each in edits.values() if wanted in map(comparable, each.tags))

    async def tags_in_use(self) -> list[tuple[str, int]]:
        """Return the tags of all batches with the number of batches that have them."""
        return tags_in_use((await self._records.edits.all()).values())


def tags_in_use(edits: Iterable[BatchEdits]) -> list[tuple[str, int]]:
    """Return the tags with the number of batches that have them, the most frequent first; case does not matter."""
    spelled: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for each in edits:
        for tag in each.tags:
            counts[comparable(tag)] += 1
            spelled.setdefault(comparable(tag), tag)
    return [(spelled[tag], count) for tag, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def labelled(status: BatchStatus, edits: BatchEdits) -> BatchStatus:
    """Return the status with the names that users gave since the batch was made, and its tags."""
    jobs = (_titled(job, edits.titles.get(job.job_id)) for job in status.jobs) if edits.titles else status.jobs
    names = {"name": edits.name or status.name, "first_name": status.name}
    return status.model_copy(update={**names, "tags": edits.tags, "jobs": tuple(jobs)})


def _titled(job: JobStatus, title: str | None) -> JobStatus:
    return job.model_copy(update={"title": title}) if title else job
