"""Pieces of speech: shorter than the chunks of the first pass, each heard alone and cut where the speaker pauses."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import numpy as np

from tasks.transcription.gaps import Stretch
from tasks.transcription.sound import SAMPLE_RATE, Sound, SoundSource
from tasks.transcription.vad import Span, SpokenChunk

SHORTEST_SECONDS = 2.5
"""A short sentence: less gives the model too little to go by."""

ENOUGH_SECONDS = 6.0
"""Speech that is not longer stays together."""

LONGEST_SECONDS = 12.0
"""Speech without a pause for longer is cut where it is quietest."""

FRAME = SAMPLE_RATE // 50
"""Samples over which the loudness is measured: 20 ms."""


def pieces_of(
    spoken: SpokenChunk, *, shortest_seconds: float = SHORTEST_SECONDS, enough_seconds: float = ENOUGH_SECONDS
) -> list[SpokenChunk]:
    """
    Return *spoken* in pieces, which follow each other without a gap.

    It is cut at its longest pauses first, until no piece is longer than *enough_seconds* or else none can be cut
    without one of less than *shortest_seconds*.
    """
    spans = [part for span in spoken.spans for part in _halved(spoken.sound, span)]
    groups = _split(spans, round(shortest_seconds * SAMPLE_RATE), round(enough_seconds * SAMPLE_RATE))
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


def _samples(spans: Iterable[Span]) -> int:
    return sum(span.samples for span in spans)


def _split(spans: Sequence[Span], shortest: int, enough: int) -> list[Sequence[Span]]:
    whole = _samples(spans)
    if whole <= enough:
        return [spans]
    before = list(accumulate(span.samples for span in spans))
    cuts = [cut for cut in range(1, len(spans)) if shortest <= before[cut - 1] <= whole - shortest]
    if not cuts:
        return [spans]
    # Of pauses that are equally long, the one nearest to the middle.
    cut = max(cuts, key=lambda one: (spans[one].start - spans[one - 1].end, -abs(2 * before[one - 1] - whole)))
    return [*_split(spans[:cut], shortest, enough), *_split(spans[cut:], shortest, enough)]


def _placed(sound: SoundSource, groups: Iterable[Sequence[Span]], start_seconds: float) -> Iterator[SpokenChunk]:
    for spans in groups:
        yield SpokenChunk(sound, tuple(spans), start_seconds)
        start_seconds += _samples(spans) / SAMPLE_RATE


def _halved(sound: SoundSource, span: Span) -> list[Span]:
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
