"""A talk, and the documents that are made of it."""

from datetime import UTC, datetime

from tasks.batches import Gap, GapReason, Job
from tasks.documents.formats import render
from tasks.documents.json_document import JsonDocument, Processing
from tasks.names import DocumentFormat
from tasks.transcription.transcript import RemovedText, Segment, Transcript, Word

JOB = Job(
    job_id="20260102-030405-abcdef-abcdefghij",
    path="talks/été.mp4",
    size=5,
    sha256="ab" * 32,
    document_stem="talks/été",
)
PROCESSING = Processing(
    device="cuda:0",
    compute_type="float16",
    transcription_seconds=2.5,
    attempt=2,
    versions={"faster-whisper": "1.2.1"},
    finished_at=datetime(2026, 11, 29, 23, 30, tzinfo=UTC),
)


def segment(text: str, start: float, end: float) -> Segment:
    """A segment of words that take the same time each."""
    pieces = text.split()
    step = (end - start) / len(pieces)
    words = tuple(
        Word(text=f" {piece}", start=start + place * step, end=start + (place + 1) * step, probability=0.9)
        for place, piece in enumerate(pieces)
    )
    return Segment(start=start, end=end, text=f" {text}", words=words)


def transcript(*segments: Segment, language: str = "en") -> Transcript:
    """A transcript of ten seconds, the last two of them without words."""
    return Transcript(
        segments=segments,
        language=language,
        language_probability=0.98,
        model="base",
        audio_seconds=10.0,
        removed=(RemovedText(start=8, end=9, text="Thank you.", reason="no speech there"),),
        gaps=(Gap(start=8, end=10, reason=GapReason.NOT_UNDERSTOOD),),
    )


TALK = transcript(segment("Good morning, everyone.", 0.5, 2.5), segment("Élodie speaks first.", 6.0, 8.0))


def texts(given: Transcript, processing: Processing = PROCESSING) -> dict[DocumentFormat, str]:
    """All documents but that for Word, by their formats."""
    formats = [each for each in DocumentFormat if each is not DocumentFormat.DOCX]
    return {name: content.decode() for name, content in render(given, JOB, formats, processing).items()}


def json_of(given: Transcript) -> JsonDocument:
    """The JSON document, read back."""
    return JsonDocument.model_validate_json(texts(given)[DocumentFormat.JSON])
