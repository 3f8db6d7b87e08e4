"""
The texts of jobs, as the store has them: what the index is filled with.

`newest_version` and `newest_text` are the only places that say which text of a job counts. `listed_versions` notices
that there is another one without reading it.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tasks.batches import Publication
from tasks.errors import NotFound, RecordDamaged
from tasks.names import DocumentFormat
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys
from tasks.storage.records import read_publication

_CUE = re.compile(r"^(?:(\d+):)?(\d\d):(\d\d)[,.](\d{3}) --> .*\n((?:.+\n?)+)", re.MULTILINE)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or part of one, and the second at which it begins; None if that is not known."""

    text: str
    start: float | None


@dataclass(frozen=True, slots=True)
class JobText:
    """The newest text of a job."""

    version: str
    sentences: tuple[Sentence, ...]


def listed_versions(store: Store, batch_id: str) -> dict[str, str]:
    """Return for each job of the batch that has a text a signature, which is another one as soon as the text is."""
    found = store.objects(BatchKeys.of(batch_id).publications)
    return {
        each.key.rpartition("/")[2].removesuffix(".json"): f"{each.size} {each.modified.timestamp():.0f}"
        for each in found
    }


def newest_version(store: Store, batch_id: str, job_id: str) -> str | None:
    """Return the version of the job's newest text, or None if it has none."""
    publication = read_publication(store, batch_id, job_id)
    return _version_of(publication) if publication else None


def newest_text(store: Store, batch_id: str, job_id: str) -> JobText:
    """Return the job's newest text. Raises `NotFound` if there is none, and `RecordDamaged`."""
    publication = read_publication(store, batch_id, job_id)
    if publication is None:
        msg = f"There are no documents of job {job_id}."
        raise NotFound(msg)
    documents = {document.format: document for document in publication.documents}
    document = next((documents[each] for each in _READERS if each in documents), None)
    if document is None:
        return JobText(_version_of(publication), ())
    content = store.read(document.key)
    if hashlib.sha256(content).hexdigest() != document.sha256:
        msg = f"The document {document.key} is damaged in the store. Retry its batch."
        raise RecordDamaged(msg)
    try:
        sentences = tuple(_READERS[document.format](content.decode()))
    except (ValueError, LookupError, TypeError) as error:
        msg = f"The document {document.key} cannot be understood: {error!r}. Retry its batch."
        raise RecordDamaged(msg) from error
    return JobText(_version_of(publication), tuple(each for each in sentences if each.text))


def _version_of(publication: Publication) -> str:
    return f"{publication.token} {publication.published_at.isoformat()}"


def _of_json(content: str) -> Iterator[Sentence]:
    """Yield the segments. Their words are not looked at: validating them would take most of the time."""
    document: dict[str, Any] = json.loads(content)
    for segment in document["segments"]:
        yield Sentence(_one_line(segment["text"]), float(segment["start"]))


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
"""The documents that a text is read from, the best first: only JSON has sentences, and only subtitles have times."""
