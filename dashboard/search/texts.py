"""
The texts of jobs, as the store has them: what the index is filled with.

`newest_version` and `newest_text` are the only places that say which text of a job counts. `list_batch` notices that
there is another one without reading it.
"""

import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import Field

from tasks.batches import Batch, Document, Manifest, Publication, StoredModel
from tasks.documents.stored_transcript import read_stored_transcript
from tasks.errors import NotFound, RecordDamaged
from tasks.names import DocumentFormat
from tasks.storage.base import Store
from tasks.storage.edits import read_edits
from tasks.storage.keys import BatchKeys, newest_revisions
from tasks.storage.records import parse_record
from tasks.storage.revisions import read_current

_CUE = re.compile(r"^(?:(\d+):)?(\d\d):(\d\d)[,.](\d{3}) --> .*\n((?:.+\n?)+)", re.MULTILINE)
_TAG = re.compile(r"<[^>]*>")


class _Segment(StoredModel):
    """The part of a JSON document's segment that is searched: validating its words would take most of the time."""

    start: float = Field(ge=0, allow_inf_nan=False)
    text: str


class _Document(StoredModel):
    segments: tuple[_Segment, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or part of one, and the second at which it begins; None if that is not known."""

    text: str
    start: float | None


@dataclass(frozen=True, slots=True)
class JobText:
    """The newest text of a job."""

    version: str
    language: str
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """A batch as the store has it: its jobs with a text, and their signatures."""

    batch_id: str
    name: str
    paths: Mapping[str, str]
    signatures: Mapping[str, str]
    titles: Mapping[str, str]
    edit: int
    """Number of the edit that its name and titles are of."""

    @property
    def complete(self) -> bool:
        """True if each of its jobs has a text."""
        return len(self.signatures) >= len(self.paths) > 0


def list_batch(store: Store, batch_id: str) -> ListedBatch:
    """
    Return the batch and its jobs with a text, whose signatures are others as soon as their texts are.

    Raises `NotFound` if it was dismissed, and `RecordDamaged`.
    """
    keys = BatchKeys.of(batch_id)
    batch = parse_record(Batch, store.read(keys.batch), keys.batch)
    edits = read_edits(store, batch_id)
    revisions = newest_revisions(store.list(keys.revisions))
    found = {
        _job_id(each.key): f"{each.size} {each.modified.timestamp():.0f} {revisions.get(_job_id(each.key), '')}"
        for each in store.objects(keys.publications)
    }
    manifest = parse_record(Manifest, store.read(keys.manifest), keys.manifest) if found else None
    paths = {job.job_id: job.path for job in edits.standing(manifest).jobs} if manifest else {}
    signatures = {job_id: found[job_id] for job_id in found if job_id in paths}
    return ListedBatch(batch_id, edits.name or batch.name, paths, signatures, edits.titles, edits.number)


def newest_version(store: Store, batch_id: str, job_id: str) -> str | None:
    """Return the version of the job's newest text, or None if it has none."""
    publication = read_current(store, batch_id, job_id)
    return _version_of(publication) if publication else None


def newest_text(store: Store, batch_id: str, job_id: str) -> JobText:
    """Return the job's newest text. Raises `NotFound` if there is none, and `RecordDamaged`."""
    publication = read_current(store, batch_id, job_id)
    if publication is None:
        msg = f"There are no documents of job {job_id}."
        raise NotFound(msg)
    sentences = _sentences(store, publication)
    return JobText(_version_of(publication), publication.language, tuple(each for each in sentences if each.text))


def _sentences(store: Store, publication: Publication) -> tuple[Sentence, ...]:
    """Return those of the JSON document, or else of the transcript, from which the layout of others is absent."""
    documents = {document.format: document for document in publication.documents}
    with contextlib.suppress(NotFound, RecordDamaged):
        if DocumentFormat.JSON in documents:
            return _read_document(store, documents[DocumentFormat.JSON])
    with contextlib.suppress(NotFound, RecordDamaged):
        if publication.transcript:
            spoken = read_stored_transcript(store, publication.transcript).sentences
            return tuple(Sentence(_one_line(segment.text), segment.start) for segment in spoken)
    document = next((documents[each] for each in _READERS if each in documents), None)
    return _read_document(store, document) if document else ()


def _read_document(store: Store, document: Document) -> tuple[Sentence, ...]:
    content = store.read(document.key)
    if hashlib.sha256(content).hexdigest() != document.sha256:
        msg = f"The document {document.key} is damaged in the store. Retry its batch."
        raise RecordDamaged(msg)
    try:
        return tuple(_READERS[document.format](content.decode()))
    except ValueError as error:
        msg = f"The document {document.key} cannot be understood: {error}. Retry its batch."
        raise RecordDamaged(msg) from error


def _job_id(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def _version_of(publication: Publication) -> str:
    return f"{publication.token} {publication.published_at.isoformat()}"


def _of_json(content: str) -> Iterator[Sentence]:
    for segment in _Document.model_validate_json(content).segments:
        yield Sentence(_one_line(segment.text), segment.start)


def _of_cues(content: str) -> Iterator[Sentence]:
    for hours, minutes, seconds, milliseconds, text in _CUE.findall(f"{content}\n"):
        start = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(milliseconds) / 1000
        yield Sentence(_one_line(_TAG.sub("", text)), start)


def _of_paragraphs(content: str) -> Iterator[Sentence]:
    for paragraph in content.split("\n\n"):
        yield Sentence(_one_line(paragraph), None)


def _one_line(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


_READERS: Final[Mapping[DocumentFormat, Callable[[str], Iterator[Sentence]]]] = {
    DocumentFormat.JSON: _of_json,
    DocumentFormat.SRT: _of_cues,
    DocumentFormat.VTT: _of_cues,
    DocumentFormat.TXT: _of_paragraphs,
    DocumentFormat.MD: _of_paragraphs,
}
"""
The documents that a text is read from, the best first: only JSON has sentences, and only subtitles have times.

All but JSON count for jobs of older versions only, which kept no transcript.
"""
