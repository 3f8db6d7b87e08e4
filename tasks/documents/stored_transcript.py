"""
Stored transcripts: what the documents of a job are made of, as the model heard it or as a user corrected it.

It is kept beside the documents, so that they can be made once more, in any format. Jobs of older versions have none:
theirs is read from the JSON document, if they have one.
"""

import contextlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import Field

from tasks.batches import Document, Publication, StoredModel
from tasks.documents.json_document import JsonDocument, Processing
from tasks.documents.paragraphs import Paragraph, ParagraphStart, divided, paragraphs
from tasks.documents.sentences import language_turns, sentences
from tasks.documents.voices import speaker_turns
from tasks.errors import NotFound, RecordDamaged, WrongStage
from tasks.names import DocumentFormat
from tasks.options import WhisperTask
from tasks.storage.base import Store
from tasks.storage.records import parse_record
from tasks.subtitles.standards import SubtitleStandard, standard_for
from tasks.subtitles.tokens import timed_words
from tasks.transcription.transcript import Segment, Speaker, Transcript, Word


class StoredTranscript(StoredModel):
    """A transcript with all that its documents say about it."""

    transcript: Transcript
    processing: Processing
    paragraphs: tuple[ParagraphStart, ...] = Field(default=(), description="a user's; empty: found by the pauses")
    revision: int = Field(default=0, ge=0, description="0: as the model heard it")
    revised_at: datetime | None = None
    revised_by: str = ""

    @property
    def standard(self) -> SubtitleStandard:
        """The standard of its subtitles."""
        is_english = self.processing.task is WhisperTask.TRANSLATE
        return standard_for("en" if is_english else self.transcript.language)

    def divide(self, words: Sequence[Word]) -> tuple[Paragraph, ...]:
        """Return its *words* as paragraphs: those that a user made, or those that are heard."""
        voices = speaker_turns(self.transcript)
        if self.paragraphs:
            return divided(words, self.standard, self.paragraphs, voices=voices)
        return paragraphs(words, self.standard, turns=language_turns(self.transcript), voices=voices)

    @property
    def sentences(self) -> tuple[Segment, ...]:
        """Its sentences, as the JSON document has them."""
        return sentences(self.transcript, self.divide(timed_words(self.transcript.segments)), self.standard)


def read_machine_transcript(store: Store, publication: Publication, *, offset_seconds: float) -> StoredTranscript:
    """
    Return what the documents of a publication are made of; *offset_seconds* is that of older jobs, as far as known.

    Raises `WrongStage` for a job of an older version without a JSON document.
    """
    if publication.transcript:
        with contextlib.suppress(NotFound, RecordDamaged):
            return read_stored_transcript(store, publication.transcript)
    document = _json_among(publication.documents)
    if document is None:
        msg = (
            "This transcript cannot be corrected: the batch was started without JSON, so the times of its words were "
            "not kept. Upload the recording in another batch."
        )
        raise WrongStage(msg)
    return _from_json(parse_record(JsonDocument, store.read(document.key), document.key), offset_seconds)


def read_stored_transcript(store: Store, key: str) -> StoredTranscript:
    """Return the transcript under *key*. Raises `NotFound` and `RecordDamaged`."""
    return parse_record(StoredTranscript, store.read(key), key)


def _json_among(documents: Iterable[Document]) -> Document | None:
    return next((document for document in documents if document.format is DocumentFormat.JSON), None)


def _from_json(document: JsonDocument, offset_seconds: float) -> StoredTranscript:
    end = max((segment.end for segment in document.segments), default=0.0)
    return StoredTranscript(
        transcript=Transcript(
            segments=document.segments,
            language=document.language,
            language_probability=document.language_probability,
            model=document.model,
            audio_seconds=document.audio_seconds,
            offset_seconds=max(offset_seconds, end - document.audio_seconds),
            removed=document.removed,
            gaps=document.gaps,
            speakers=tuple(Speaker(id=each.id, name=each.name) for each in document.speakers),
            notes=document.notes,
        ),
        processing=document.processing,
    )
