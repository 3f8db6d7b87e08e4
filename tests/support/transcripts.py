"""Transcripts as a worker hands them on to be published."""

from tasks.documents.json_document import Processing
from tasks.documents.stored_transcript import StoredTranscript
from tasks.transcription.transcript import Segment, Transcript, Word

PROCESSING = Processing(device="cpu", compute_type="int8", transcription_seconds=1.0)


def sentence(text: str, start: float, end: float, **figures) -> Segment:
    """Return *text* as one segment whose words take the same time each."""
    pieces = text.split()
    step = (end - start) / len(pieces)
    times = [(round(start + place * step, 3), round(start + (place + 1) * step, 3)) for place in range(len(pieces))]
    words = tuple(
        Word(text=f" {piece}", start=begin, end=after, probability=0.9)
        for piece, (begin, after) in zip(pieces, times, strict=True)
    )
    return Segment(start=start, end=end, text=f" {text}", words=words, **figures)


def heard(*segments: Segment, seconds: float = 3.0) -> StoredTranscript:
    """Return a transcript of so many seconds of English; without *segments* one in which nothing was said."""
    transcript = Transcript(
        segments=segments, language="en", language_probability=1.0, model="tiny", audio_seconds=seconds
    )
    return StoredTranscript(transcript=transcript, processing=PROCESSING)
