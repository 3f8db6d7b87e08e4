"""
Who spoke when: the turns of a recording, and the speaker of each word.

A turn comes from the channel in which its voice is, where each speaker has a channel, or from what the voices sound
like: windows of 1.2 s, every 0.4 s of speech, in groups that are alike (`tasks.transcription.clustering`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from threading import Event
from typing import Protocol

import numpy as np

from tasks.options import SpeakerChoice
from tasks.transcription.clustering import Labels, Vectors, tell_apart
from tasks.transcription.sound import SAMPLE_RATE
from tasks.transcription.speaker_embeddings import (
    STRIDE_SAMPLES,
    WINDOW_SAMPLES,
    SpeakerEmbedder,
    model_file,
    normalised,
)
from tasks.transcription.transcript import Segment, Speaker, Word
from tasks.transcription.vad import Span, Speech

CHANNELS = 2

LIMIT = 0.51
"""
Mean distance from which on two groups of windows are two speakers. Chosen on dialogues of other voices than those that
the documentation reports on.
"""

LEAST_SHARE = 0.03
LEAST_SECONDS = 2.0
MOST_LEAST_SECONDS = 6.0
"""
A speaker of whom less is heard than this share of all speech, within these bounds, is none: it is a laugh, or two
voices at once.
"""

PAUSE_SECONDS = 0.3
"""A turn that changes in the middle of a sentence rather changed at a pause as long as this, if one is near."""

NEAR_WORDS = 2
NEAR_SECONDS = 1.0

ISLAND_WORDS = 2
ISLAND_SECONDS = 0.7
"""Up to so many words, as short as that, in the middle of another's sentence are that one's."""

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")  # noqa: RUF001 - the full-width signs of Chinese and Japanese
_CLOSING = "\"'”’»)]"  # noqa: RUF001 - the typesetters' apostrophe


class SpeakersUnknown(Exception):
    """The speakers of a recording cannot be told apart on this machine; its words can be written down all the same."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of a recording in which one speaker is heard, in seconds from its start."""

    start: float
    end: float
    speaker: int


def find_turns(
    speech: Speech,
    choice: SpeakerChoice,
    models_folder: Path,
    *,
    channel_turns: Sequence[float] = (),
    cancelled: Callable[[], bool],
) -> tuple[Turn, ...]:
    """
    Return the turns of a recording, in order of time; none if speakers are not to be told apart.

    *channel_turns* are those of `tasks.batches.Recording`. Raises `SpeakersUnknown` and `TranscriptionCancelled`.
    """
    if choice == "off" or not speech.voices:
        return ()
    if choice == 1:
        return tuple(Turn(span.start / SAMPLE_RATE, span.end / SAMPLE_RATE, 0) for span in speech.voices)
    if channel_turns and choice in ("auto", CHANNELS):
        return tuple(turns_of_channels(channel_turns, speech.audio_seconds))
    embedder = _loaded(models_folder)
    found = list(embedder.embed(speech.sound, speech.voices, cancelled=cancelled))
    vectors = np.concatenate([_smoothed(of_span) for of_span in found])
    least = min(max(LEAST_SECONDS, LEAST_SHARE * speech.speech_seconds), MOST_LEAST_SECONDS)
    labels = tell_apart(
        vectors,
        limit=LIMIT,
        least=round(least * SAMPLE_RATE / STRIDE_SAMPLES),
        count=None if choice == "auto" else choice,
    )
    return tuple(_turns(speech.voices, [len(of_span) for of_span in found], labels))


class TurnFinder(Protocol):
    """`find_turns` for a certain recording."""

    def __call__(self, *, cancelled: Callable[[], bool]) -> tuple[Turn, ...]:
        """Return its turns, unless *cancelled* says so."""
        ...


@contextmanager
def meanwhile(find: TurnFinder, *, cancelled: Callable[[], bool]) -> "Iterator[Future[tuple[Turn, ...]]]":
    """Look for the turns in a thread, while a model is at work on the device. It ends with the block that fails."""
    failed = Event()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="speakers") as thread:
        try:
            yield thread.submit(find, cancelled=lambda: failed.is_set() or cancelled())
        except BaseException:
            failed.set()
            raise


def turns_of_channels(channel_turns: Sequence[float], end: float) -> Iterator[Turn]:
    """Yield the turns of a recording whose voice goes over to the other channel at *channel_turns*."""
    for number, (start, after) in enumerate(pairwise((*channel_turns, end))):
        if start < after:
            yield Turn(start, after, number % CHANNELS)


def with_speakers(
    segments: Iterable[Segment], turns: Sequence[Turn], *, offset_seconds: float = 0.0
) -> tuple[tuple[Segment, ...], tuple[Speaker, ...]]:
    """
    Return *segments* with the speaker of each word, and the speakers in the order in which they are first heard.

    *offset_seconds* is in the times of the words, and not in those of the turns.
    """
    segments = tuple(segments)
    words = tuple(word for segment in segments for word in segment.words)
    if not turns or not words:
        return segments, ()
    voices = settled(words, [_speaker_of(word, turns, offset_seconds) for word in words])
    ids = {voice: f"S{number}" for number, voice in enumerate(dict.fromkeys(voices), start=1)}
    spoken = iter(word.model_copy(update={"speaker": ids[voice]}) for word, voice in zip(words, voices, strict=True))
    labelled = tuple(
        segment.model_copy(update={"words": tuple(next(spoken) for _ in segment.words)}) for segment in segments
    )
    return labelled, tuple(Speaker(id=name) for name in ids.values())


def settled(words: Sequence[Word], voices: Sequence[int]) -> list[int]:
    """
    Return the speaker of each word as it is likely, from what the sound alone says.

    A word or two inside another's sentence are that one's. A turn that changes in a sentence changes at its end, or at
    a pause, if that is near.
    """
    ends = [_may_change(before, after) for before, after in pairwise(words)]
    kept = _without_islands(words, voices, ends)
    return _at_ends(words, kept, ends)


def _without_islands(words: Sequence[Word], voices: Sequence[int], ends: Sequence[bool]) -> list[int]:
    kept = list(voices)
    runs = _runs(voices)
    for before, island, after in zip(runs, runs[1:], runs[2:], strict=False):
        seconds = words[island.stop - 1].end - words[island.start].start
        is_short = len(island) <= ISLAND_WORDS and seconds <= ISLAND_SECONDS
        stands_apart = ends[island.start - 1] and ends[island.stop - 1]
        if is_short and not stands_apart and kept[before.start] == voices[after.start]:
            kept[island.start : island.stop] = [kept[before.start]] * len(island)
    return kept


def _at_ends(words: Sequence[Word], voices: Sequence[int], ends: Sequence[bool]) -> list[int]:
    kept = list(voices)
    for before, after in pairwise(_runs(voices)):
        place = after.start
        near = range(max(before.start + 1, place - NEAR_WORDS), min(after.stop - 1, place + NEAR_WORDS) + 1)
        distance = {
            there: abs(words[there].start - words[place].start)
            for there in near
            if ends[there - 1] and abs(words[there].start - words[place].start) <= NEAR_SECONDS
        }
        if distance:
            there = min(distance, key=lambda number: (distance[number], number))
            kept[min(there, place) : max(there, place)] = [voices[place if there < place else place - 1]] * abs(
                there - place
            )
    return kept


def _runs(voices: Sequence[int]) -> list[range]:
    """Return the stretches of words of one speaker each."""
    runs: list[range] = []
    for _, same in groupby(range(len(voices)), key=lambda number: voices[number]):
        numbers = list(same)
        runs.append(range(numbers[0], numbers[-1] + 1))
    return runs


def _may_change(before: Word, after: Word) -> bool:
    """Return whether a sentence ends between two words, or a pause is there."""
    ended = before.text.rstrip().rstrip(_CLOSING).endswith(_SENTENCE_ENDS)
    return ended or after.start - before.end >= PAUSE_SECONDS


def _speaker_of(word: Word, turns: Sequence[Turn], offset_seconds: float) -> int:
    """Return the speaker who is heard longest in *word*, or next to it."""
    start, end = word.start - offset_seconds, word.end - offset_seconds
    shared = {turn: min(end, turn.end) - max(start, turn.start) for turn in _around(turns, start, end)}
    return max(shared, key=lambda turn: (shared[turn], -turn.start)).speaker


def _around(turns: Sequence[Turn], start: float, end: float) -> Sequence[Turn]:
    """Return the turns of which one may share most with a word: those that meet it, and one on either side."""
    first = max(0, _first_after(turns, start) - 1)
    after = first + 1
    while after < len(turns) and turns[after].start < end:
        after += 1
    return turns[first : after + 1]


def _first_after(turns: Sequence[Turn], seconds: float) -> int:
    low, high = 0, len(turns)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if turns[middle].end <= seconds else (low, middle)
    return low


def _loaded(models_folder: Path) -> SpeakerEmbedder:
    file = model_file(models_folder)
    try:
        return SpeakerEmbedder(models_folder)
    except Exception as error:
        why = f"cannot be loaded ({error})" if file.is_file() else "is missing"
        msg = (
            f"Speakers were not told apart: the model {file} {why}. It is fetched when Batchscribe starts with the "
            "internet in reach; then upload the recording again."
        )
        raise SpeakersUnknown(msg) from error


def _smoothed(vectors: Vectors) -> Vectors:
    """Return of a span's embeddings the mean of each and the one before it."""
    before = np.concatenate([vectors[1:2] if len(vectors) > 1 else vectors[:1], vectors[:-1]])
    return normalised(vectors + before)


def _turns(voices: Sequence[Span], windows: Sequence[int], labels: Labels) -> Iterator[Turn]:
    """Yield the turns in each voiced span: a speaker's lasts to the middle between two windows."""
    first = 0
    for span, count in zip(voices, windows, strict=True):
        middles = span.start + WINDOW_SAMPLES // 2 + STRIDE_SAMPLES // 2 + STRIDE_SAMPLES * np.arange(count - 1)
        edges = [span.start, *np.minimum(middles, span.end).tolist(), span.end]
        numbers = labels[first : first + count].tolist()
        for speaker, same in groupby(range(count), key=numbers.__getitem__):
            inside = list(same)
            start, end = edges[inside[0]], edges[inside[-1] + 1]
            if start < end:
                yield Turn(start / SAMPLE_RATE, end / SAMPLE_RATE, speaker)
        first += count
