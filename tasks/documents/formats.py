"""The documents that a user gets for an upload: text to read, subtitles in two formats, and everything as JSON."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field

from tasks.batches import AudioStream, Job, StoredModel, WhisperTask
from tasks.documents.paragraphs import paragraphs
from tasks.names import DocumentFormat
from tasks.subtitles.formats import Compliance, Cue, compliance, to_srt, to_vtt
from tasks.subtitles.layout import lay_out
from tasks.subtitles.standards import SubtitleStandard, standard_for
from tasks.subtitles.tokens import timed_words
from tasks.transcription.transcript import RemovedText, Segment, Transcript


class Processing(StoredModel):
    """The processing details of a transcript."""

    task: WhisperTask = WhisperTask.TRANSCRIBE
    device: str
    compute_type: str = Field(description="number format of the model: another than planned if memory ran out")
    batch_size: int = Field(default=0, ge=0, description="chunks of 30 s in the model at once: fewer if memory ran out")
    transcription_seconds: float = Field(ge=0)
    attempt: int = Field(default=1, ge=1)
    audio_stream: int = Field(default=1, ge=1, description="audio stream of the upload that was transcribed, from 1")
    audio_streams: tuple[AudioStream, ...] = Field(default=(), description="all of them, if the upload has several")
    versions: dict[str, str] = Field(default={}, description="of the libraries that decide about the text, by name")


class Source(StoredModel):
    """The upload that a document stands for."""

    job_id: str
    path: str
    size: int = Field(ge=0, description="bytes")
    sha256: str


class JsonDocument(StoredModel):
    """
    The JSON document. Times are seconds from the start of the upload.

    ``schema_version`` rises when a field changes its meaning or goes; new fields alone leave it as it is, so a reader
    ignores those it doesn't know.
    """

    schema_version: Literal[1] = 1
    source: Source
    audio_seconds: float
    language: str
    language_probability: float
    model: str
    text: str = Field(description="the paragraphs, with an empty line between them")
    segments: tuple[Segment, ...]
    removed: tuple[RemovedText, ...] = Field(description="what the model wrote though nobody said it")
    processing: Processing
    real_time_factor: float | None = Field(description="transcription time ÷ audio duration")
    subtitles: Compliance

    @classmethod
    def of(cls, transcript: Transcript, job: Job, processing: Processing, *, text: str, subtitles: Compliance) -> Self:
        """Return the document of *transcript*."""
        seconds = transcript.audio_seconds
        return cls(
            source=Source(job_id=job.job_id, path=job.path, size=job.size, sha256=job.sha256),
            audio_seconds=seconds,
            language=transcript.language,
            language_probability=transcript.language_probability,
            model=transcript.model,
            text=text,
            segments=transcript.segments,
            removed=transcript.removed,
            processing=processing,
            real_time_factor=round(processing.transcription_seconds / seconds, 4) if seconds > 0 else None,
            subtitles=subtitles,
        )


def render(
    transcript: Transcript, job: Job, formats: Iterable[DocumentFormat], processing: Processing
) -> dict[DocumentFormat, bytes]:
    """Return the documents of *transcript* in UTF-8. The same transcript gives the same bytes."""
    standard = standard_for("en" if processing.task is WhisperTask.TRANSLATE else transcript.language)
    words = timed_words(transcript.segments)
    text = "\n\n".join(paragraphs(words, standard))
    material = Material(transcript, job, processing, standard, text, cues=lay_out(words, standard))
    return {document_format: WRITERS[document_format](material).encode() for document_format in formats}


@dataclass(frozen=True, slots=True)
class Material:
    """Input of the document writers: the transcript, and what is derived from it once for all formats."""

    transcript: Transcript
    job: Job
    processing: Processing
    standard: SubtitleStandard
    text: str
    """The paragraphs, with an empty line between them; empty if nothing was said."""
    cues: tuple[Cue, ...]


def _to_txt(material: Material) -> str:
    return f"{material.text}\n" if material.text else ""


def _to_json(material: Material) -> str:
    subtitles = compliance(material.cues, material.standard)
    document = JsonDocument.of(
        material.transcript, material.job, material.processing, text=material.text, subtitles=subtitles
    )
    return f"{document.model_dump_json(indent=2)}\n"


WRITERS: Mapping[DocumentFormat, Callable[[Material], str]] = {
    DocumentFormat.TXT: _to_txt,
    DocumentFormat.SRT: lambda material: to_srt(material.cues),
    DocumentFormat.VTT: lambda material: to_vtt(material.cues),
    DocumentFormat.JSON: _to_json,
}
"""How each format is written. A new one is a member of `DocumentFormat` and a line here."""
