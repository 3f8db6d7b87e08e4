"""Hear a recording: which language it is in, and part by part, what is said in it."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from tasks.options import TranscriptionOptions
from tasks.transcription.backend import Chunk, ChunkText, Decoding, Floats, TranscriptionCancelled
from tasks.transcription.languages import LanguageVote, elect_language
from tasks.transcription.model_manager import LoadedModel
from tasks.transcription.parts import AT_WORK_SHARE, Parts, PartText, SettledLanguage, parts_of
from tasks.transcription.review import Reviewed, Reviewer
from tasks.transcription.vad import Speech, SpokenChunk
from tasks.transcription.word_times import SegmentWriter

logger = logging.getLogger(__name__)

AUTO = "auto"


def hear(
    loaded: LoadedModel,
    speech: Speech,
    options: TranscriptionOptions,
    parts: Parts,
    *,
    offset_seconds: float,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> SettledLanguage:
    """
    Have the model hear *parts* of *speech* for as long as there are any, and return the language of the whole.

    *on_progress* gets the share of the speech that was heard here or elsewhere, `AT_WORK_SHARE` at the least. Raises
    `TranscriptionCancelled`, `DeviceFailed`, or what the model raised for a chunk.
    """
    language, encoded = _language(loaded, speech, options, parts, cancelled=cancelled)
    any_language = options.language == AUTO and loaded.backend.multilingual
    decoding = loaded.backend.decoding(language.language, options.task, options.vocabulary, any_language=any_language)
    hearing = _Hearing(
        loaded,
        speech,
        decoding,
        encoded,
        parts,
        offset_seconds=offset_seconds,
        on_progress=on_progress,
        cancelled=cancelled,
    )
    hearing.hear()
    return language


def _language(
    loaded: LoadedModel,
    speech: Speech,
    options: TranscriptionOptions,
    parts: Parts,
    *,
    cancelled: Callable[[], bool],
) -> tuple[SettledLanguage, dict[int, Floats]]:
    """Return the language of *speech*, and the encodings that were made to hear it, by the index of their chunk."""
    if options.language != AUTO or not loaded.backend.multilingual:
        decoding = loaded.backend.decoding(options.language, options.task, options.vocabulary)
        return SettledLanguage(language=decoding.language, probability=1.0), {}
    if settled := parts.settled_language():
        return settled, {}
    votes: list[LanguageVote] = []
    encoded: dict[int, Floats] = {}
    for index in speech.language_windows:
        ask = partial(loaded.backend.detect_language, speech.chunks[index])
        vote, encoded[index] = loaded.engine.ask(ask, cancelled=cancelled)
        votes.append(vote)
    code, probability = elect_language(votes)
    language = SettledLanguage(language=code, probability=probability)
    parts.settle_language(language)
    return language, encoded


class _Hearing:
    """A model hears parts of a recording. Their chunks are in one line, so that it need not wait for a review."""

    def __init__(
        self,
        loaded: LoadedModel,
        speech: Speech,
        decoding: Decoding,
        encoded: dict[int, Floats],
        parts: Parts,
        *,
        offset_seconds: float,
        on_progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._loaded = loaded
        self._speech = speech
        self._decoding = decoding
        self._encoded = encoded
        self._offset = offset_seconds
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._parts = parts
        self._ranges = parts_of(len(speech.chunks))
        self._part_seconds = [sum(speech.chunks[index].speech_seconds for index in one) for one in self._ranges]
        self._heard_seconds = [0.0] * len(self._ranges)
        self._line: deque[_PartUnderWay] = deque()
        self._left_alone_seconds = 0.0

    def hear(self) -> None:
        """Hear the parts that no other listener has taken, then those that others have taken and not delivered yet."""
        self._hear(self._untaken())
        self._tell()
        for index in self._parts.left_over():
            self._hear([index])
        if self._left_alone_seconds:
            logger.warning(
                "%.0f s of speech without words were not tried again: second tries had cost enough without a result",
                self._left_alone_seconds,
            )

    def _untaken(self) -> Iterator[int]:
        first = True
        while (index := self._parts.take()) is not None:
            if first:  # so that others may help at once, and not when the first chunks are written down
                self._tell()
                first = False
            yield index

    def _hear(self, indexes: Iterable[int]) -> None:
        """Hear the parts of these indexes in one line, unless all that is left of it is delivered by others."""
        self._line.clear()
        try:
            with closing(self._loaded.engine.texts(self._chunks(indexes), cancelled=self._is_over)) as texts:
                for chunk, text in texts:
                    self._note(chunk, text)
        except TranscriptionCancelled:
            if self._cancelled():
                raise

    def _is_over(self) -> bool:
        return self._cancelled() or (self._parts.all_taken and self._is_overtaken())

    def _is_overtaken(self) -> bool:
        delivered = self._parts.delivered_elsewhere()
        return bool(self._line) and all(part.index in delivered for part in self._line)

    def _chunks(self, indexes: Iterable[int]) -> Iterator[Chunk]:
        listener = _PartListener(self._loaded, self._is_over)
        for index in indexes:
            part = _PartUnderWay(index, self._speech.part(self._ranges[index]), listener, self._offset)
            self._line.append(part)
            for number, spoken in zip(self._ranges[index], part.speech.chunks, strict=True):
                yield self._loaded.backend.chunk(spoken, self._decoding, encoded=self._encoded.pop(number, None))

    def _note(self, chunk: Chunk, text: ChunkText) -> None:
        """Add what was heard of the next chunk to its part, and deliver that if it is complete."""
        part = self._line[0]
        part.add(chunk, text)
        self._heard_seconds[part.index] = part.heard_seconds
        if part.complete:
            compute_type, batch_size = self._loaded.backend.compute_type, self._loaded.engine.batch_size
            self._parts.deliver(part.index, part.text(compute_type, batch_size))
            self._left_alone_seconds += part.left_alone_seconds
            self._line.popleft()
        self._tell()

    def _tell(self) -> None:
        """Tell the progress, with what others have delivered."""
        for index in self._parts.delivered_elsewhere():
            self._heard_seconds[index] = self._part_seconds[index]
        share = sum(self._heard_seconds) / self._speech.speech_seconds
        self._on_progress(min(max(share, AT_WORK_SHARE), 1.0))


@dataclass(frozen=True, slots=True)
class _PartListener:
    """The model, for the second tries of a part; see `Listener`."""

    loaded: LoadedModel
    over: Callable[[], bool]

    def hear(self, pieces: Iterable[tuple[SpokenChunk, Decoding]]) -> list[tuple[Chunk, ChunkText]]:
        backend = self.loaded.backend
        chunks = (backend.chunk(spoken, decoding) for spoken, decoding in pieces)
        return list(self.loaded.engine.texts(chunks, cancelled=self.over))

    def language_of(self, piece: SpokenChunk) -> LanguageVote:
        return self.loaded.engine.ask(partial(self.loaded.backend.language_of, piece), cancelled=self.over)


class _PartUnderWay:
    """A part that is being heard."""

    def __init__(self, index: int, speech: Speech, listener: _PartListener, offset_seconds: float) -> None:
        self.index = index
        self.speech = speech
        self.heard_seconds = 0.0
        self._listener = listener
        self._offset = offset_seconds
        self._reviewer: Reviewer | None = None
        self._reviewed: list[Reviewed] = []

    @property
    def complete(self) -> bool:
        """True if all its chunks were heard."""
        return len(self._reviewed) == len(self.speech.chunks)

    @property
    def left_alone_seconds(self) -> float:
        """Speech without words that was not tried again."""
        return self._reviewer.left_alone_seconds if self._reviewer else 0.0

    def add(self, chunk: Chunk, text: ChunkText) -> None:
        """Review what was heard of its next chunk."""
        if self._reviewer is None:  # not before: the edges of its speech take a moment, and the model waits for chunks
            writer = SegmentWriter(self.speech, offset_seconds=self._offset)
            self._reviewer = Reviewer(self._listener, writer, offset_seconds=self._offset)
        self._reviewed.append(self._reviewer.review(self.speech.chunks[len(self._reviewed)], chunk, text))
        self.heard_seconds += chunk.speech_seconds

    def text(self, compute_type: str, batch_size: int) -> PartText:
        """Return its text, with how the model calculated when it was complete."""
        return PartText(
            segments=tuple(segment for one in self._reviewed for segment in one.segments),
            removed=tuple(text for one in self._reviewed for text in one.removed),
            compute_type=compute_type,
            batch_size=batch_size,
        )
