"""The JSON document: all that is known of a transcript. Its schema is published as ``docs/transcript.schema.json``."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from tasks.batches import AudioStream, Gap, Job, StoredModel
from tasks.documents.paragraphs import Paragraph
from tasks.documents.voices import heard_speakers, speaker_seconds
from tasks.options import WhisperTask
from tasks.subtitles.formats import Compliance
from tasks.subtitles.tokens import timed_words
from tasks.transcription.transcript import RemovedText, Segment, Transcript, is_empty


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
    finished_at: datetime | None = Field(default=None, description="when the transcription ended")


class Source(StoredModel):
    """The upload that a document stands for."""

    job_id: str
    path: str
    size: int = Field(ge=0, description="bytes")
    sha256: str


class ParagraphOfText(StoredModel):
    """A paragraph of the text, with the times of its first and last word."""

    start: float
    end: float
    text: str
    is_heading: bool = Field(default=False, description="it is short and stands between longer pauses")
    speaker: str = Field(default="", description="id of its speaker", exclude_if=is_empty)


class SpeakerOfText(StoredModel):
    """One of the speakers of a recording."""

    id: str = Field(description="as in the words, segments and paragraphs that are theirs")
    name: str = Field(default="", description="given by a user; without it, other documents say Speaker 1 for S1")
    seconds: float = Field(description="of their words")


class JsonDocument(StoredModel):
    """
    The transcript of one upload. Times are seconds from its start.

    ``schema_version`` rises when a field changes its meaning or goes; new fields alone leave it as it is, so a reader
    ignores those it doesn't know. Fields with a default are missing in older documents.
    """

    schema_version: Literal[1] = 1
    source: Source
    audio_seconds: float
    language: str
    language_probability: float
    languages: dict[str, float] = Field(default={}, description="seconds of words in each language, the longest first")
    model: str
    text: str = Field(description="the paragraphs, with an empty line between them")
    paragraphs: tuple[ParagraphOfText, ...] = Field(default=(), description="the same with their times")
    segments: tuple[Segment, ...] = Field(
        description="sentences, or parts of them that a pause or a chunk of the model ends; their probabilities are "
        "those of the chunk of up to 30 s in which the model heard them (in older documents a segment is a whole chunk)"
    )
    removed: tuple[RemovedText, ...] = Field(description="text that the model invented, with the reason")
    gaps: tuple[Gap, ...] = Field(
        default=(), description="where a voice is heard and no word understood, or nothing can be read"
    )
    speakers: tuple[SpeakerOfText, ...] = Field(
        default=(),
        description="who say something, in the order in which they are first heard; missing if not told apart",
        exclude_if=is_empty,
    )
    notes: tuple[str, ...] = Field(
        default=(), description="what was asked for and could not be done, and why", exclude_if=is_empty
    )
    processing: Processing
    real_time_factor: float | None = Field(description="transcription time ÷ audio duration")
    subtitles: Compliance
    revision: int = Field(default=0, ge=0, description="number of the correction by a user; 0: as the model heard it")
    revised_at: datetime | None = Field(default=None, description="when that correction was saved")
    revised_by: str = Field(default="", description="the name under which it was saved")

    @classmethod
    def of(
        cls,
        transcript: Transcript,
        job: Job,
        processing: Processing,
        *,
        paragraphs: Sequence[Paragraph],
        segments: tuple[Segment, ...],
        subtitles: Compliance,
    ) -> Self:
        """Return the document of *transcript*, with its text as *paragraphs* and as *segments*."""
        seconds = transcript.audio_seconds
        words = timed_words(transcript.segments)
        spoken = speaker_seconds(transcript)
        return cls(
            source=Source(job_id=job.job_id, path=job.path, size=job.size, sha256=job.sha256),
            audio_seconds=seconds,
            language=transcript.language,
            language_probability=transcript.language_probability,
            languages=transcript.language_seconds,
            model=transcript.model,
            text="\n\n".join(paragraph.text for paragraph in paragraphs),
            paragraphs=tuple(
                ParagraphOfText(
                    start=each.start,
                    end=each.end,
                    text=each.text,
                    is_heading=each.is_heading,
                    speaker=words[each.words_before].speaker if spoken else "",
                )
                for each in paragraphs
            ),
            segments=segments,
            removed=transcript.removed,
            gaps=transcript.gaps,
            speakers=tuple(
                SpeakerOfText(id=speaker.id, name=speaker.name, seconds=spoken[speaker.id])
                for speaker in heard_speakers(transcript)
            ),
            notes=transcript.notes,
            processing=processing,
            real_time_factor=round(processing.transcription_seconds / seconds, 4) if seconds > 0 else None,
            subtitles=subtitles,
        )


def json_schema() -> str:
    """Return the JSON Schema (2020-12) of the document."""
    schema = JsonDocument.model_json_schema()
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return f"{json.dumps(dialect | schema, indent=2, ensure_ascii=False)}\n"
