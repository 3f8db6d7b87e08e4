"""Pieces of speech: shorter than the chunks of the first pass, each heard alone and cut where the speaker pauses."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tasks.transcription.gaps import Stretch
from tasks.transcription.sound import SAMPLE_RATE, Sound
from tasks.transcription.vad import Span, SpokenChunk

SHORTEST_SECONDS = 4.0
"""A sentence. A piece goes on to the next pause after it."""

LONGEST_SECONDS = 12.0
"""Speech without a pause for longer is cut where it is quietest."""

FRAME = SAMPLE_RATE // 50
"""Samples over which the loudness is measured: 20 ms."""


def pieces_of(spoken: SpokenChunk, *, shortest_seconds: float = SHORTEST_SECONDS) -> list[SpokenChunk]:
    """Return *spoken* in pieces, which follow each other without a gap."""
    spans = [part for span in spoken.spans for part in _halved(spoken.sound, span)]
    groups: list[list[Span]] = [[]]
    for span in spans:
        if _seconds(groups[-1]) >= shortest_seconds:
            groups.append([])
        groups[-1].append(span)
    if len(groups) > 1 and _seconds(groups[-1]) < shortest_seconds / 2:
        last = groups.pop()
        groups[-1] += last
    return list(_placed(spoken.sound, groups, spoken.start_seconds))


def part_of(spoken: SpokenChunk, place: Sequence[Stretch]) -> SpokenChunk:
    """Return the part of *spoken* from the start of *place* to its end, both in seconds of the recording."""
    start, end = round(place[0].start * SAMPLE_RATE), round(place[-1].end * SAMPLE_RATE)
    before = sum(max(min(span.end, start) - span.start, 0) for span in spoken.spans)
    spans = (Span(max(span.start, start), min(span.end, end)) for span in spoken.spans)
    inside = tuple(span for span in spans if span.samples > 0)
    return SpokenChunk(spoken.sound, inside, spoken.start_seconds + before / SAMPLE_RATE)


def joined(pieces: Sequence[SpokenChunk]) -> SpokenChunk:
    """Return neighbouring pieces as one."""
    spans = tuple(span for piece in pieces for span in piece.spans)
    return SpokenChunk(pieces[0].sound, spans, pieces[0].start_seconds)


def _seconds(spans: Iterable[Span]) -> float:
    return sum(span.samples for span in spans) / SAMPLE_RATE


def _placed(sound: Sound, groups: Iterable[Sequence[Span]], start_seconds: float) -> Iterator[SpokenChunk]:
    for spans in groups:
        yield SpokenChunk(sound, tuple(spans), start_seconds)
        start_seconds += _seconds(spans)


def _halved(sound: Sound, span: Span) -> list[Span]:
    if span.samples <= LONGEST_SECONDS * SAMPLE_RATE:
        return [span]
    cut = span.start + _quietest(sound[span.start : span.end])
    return [*_halved(sound, Span(span.start, cut)), *_halved(sound, Span(cut, span.end))]


def _quietest(sound: Sound) -> int:
    """Return the sample in the middle half of *sound* around which 0.2 s are quieter than anywhere else there."""
    frames = len(sound) // FRAME
    power = np.square(sound[: frames * FRAME].astype(np.float32)).reshape(frames, FRAME).mean(axis=1)
    smooth = np.convolve(power, np.ones(10), mode="same")
    quarter = frames // 4
    return (quarter + int(np.argmin(smooth[quarter : frames - quarter]))) * FRAME
