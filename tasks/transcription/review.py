"""The review of doubted texts: a second try for their chunks, and removal of what cannot have been said."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tasks.transcription.backend import Chunk, ChunkText, Decoding
from tasks.transcription.hallucinations import (
    Hypothesis,
    Suspicion,
    WrittenWord,
    find_loop,
    prefer_second,
    suspicion_of,
)
from tasks.transcription.transcript import RemovedText, Segment
from tasks.transcription.vad import SpokenChunk
from tasks.transcription.word_times import SegmentWriter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A chunk's part of the transcript."""

    segments: tuple[Segment, ...]
    removed: tuple[RemovedText, ...] = ()


ListenAgain = Callable[[SpokenChunk, Decoding], tuple[Segment, ...]]


def review(
    decode_again: ListenAgain, writer: SegmentWriter, spoken: SpokenChunk, chunk: Chunk, text: ChunkText
) -> Reviewed:
    """
    Return the segments of the next chunk of a recording.

    If its text is doubted, *listen_again* has the model hear this chunk again, alone and with the fallbacks of its
    sequential mode, which takes several times as long. The better of the two counts.
    """
    segment = writer.write(chunk, text)
    first = _writing(chunk, text)
    doubt = suspicion_of(first)
    if doubt is None:
        return Reviewed((segment,) if segment else ())
    again = decode_again(spoken, chunk.decoding)
    replaced = prefer_second(first, _writing_again(chunk, again))
    logger.info(
        "%.0f s of speech doubted: %s; second try %s", chunk.speech_seconds, doubt, "taken" if replaced else "no better"
    )
    if replaced:
        removed = (_removed(segment, segment.text, doubt),) if segment and doubt.invented else ()
        return Reviewed(tuple(writer.place(chunk, part) for part in again), removed)
    return without_loop(segment) if segment else Reviewed(())


def without_loop(segment: Segment) -> Reviewed:
    """Return *segment* with the phrase that it repeats again and again written once."""
    loop = find_loop([word.text for word in segment.words])
    if loop is None:
        return Reviewed((segment,))
    kept = segment.words[: loop.start] + segment.words[loop.stop :]
    repeated = "".join(word.text for word in segment.words[loop])
    shortened = segment.model_copy(
        update={"words": kept, "text": "".join(word.text for word in kept), "start": kept[0].start, "end": kept[-1].end}
    )
    removed = RemovedText(
        start=segment.words[loop.start].start,
        end=segment.words[loop.stop - 1].end,
        text=repeated.strip(),
        reason=Suspicion.LOOP.value,
    )
    return Reviewed((shortened,), (removed,))


def _removed(segment: Segment, text: str, doubt: Suspicion) -> RemovedText:
    return RemovedText(start=segment.start, end=segment.end, text=text.strip(), reason=doubt.value)


def _writing(chunk: Chunk, text: ChunkText) -> Hypothesis:
    return Hypothesis(
        words=tuple(WrittenWord(word.text, word.start, word.end) for word in text.words),
        speech_seconds=chunk.speech_seconds,
        average_log_probability=text.average_log_probability,
        compression_ratio=text.compression_ratio,
    )


def _writing_again(chunk: Chunk, segments: Sequence[Segment]) -> Hypothesis:
    words = tuple(WrittenWord(word.text, word.start, word.end) for segment in segments for word in segment.words)
    tries = [(max(len(segment.words), 1), segment) for segment in segments]
    weight = sum(count for count, _ in tries) or 1
    return Hypothesis(
        words=words,
        speech_seconds=chunk.speech_seconds,
        average_log_probability=sum(count * segment.average_log_probability for count, segment in tries) / weight,
        compression_ratio=max((segment.compression_ratio for segment in segments), default=0.0),
    )
