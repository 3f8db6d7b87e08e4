"""The model itself: a CTranslate2 Whisper model, with faster-whisper's tokens, prompts and alignment around it."""

import logging
import math
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_compression_ratio, get_suppressed_tokens

from tasks.devices import Device
from tasks.errors import TranscriptionError
from tasks.options import WhisperTask
from tasks.transcription.backend import (
    FRAMES_PER_SECOND,
    Chunk,
    ChunkText,
    Decoding,
    Floats,
    OutOfMemory,
    TimedWord,
    device_error,
)
from tasks.transcription.languages import LanguageVote, is_mixed, language_of_passage
from tasks.transcription.model_files import load_model, smaller_numbers
from tasks.transcription.vad import CHUNK_SECONDS, SpokenChunk


def storage(array: Floats) -> Any:
    """Return *array* as CTranslate2 takes it, without a copy where its rows lie one after the other."""
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array))


def rows_of(encoded: Any, rows: Sequence[int]) -> Any:
    """Return some rows of an encoder output; CTranslate2 cannot slice, so it is done in the machine's own memory."""
    on_host = encoded if encoded.device == "cpu" else encoded.to_device(ctranslate2.Device.cpu)
    return storage(np.asarray(on_host)[list(rows)])


logger = logging.getLogger(__name__)

VOTE_PADDING_SECONDS = 6

BEAM_SIZE = 5
"""Default of faster-whisper, as of OpenAI's command line."""


class WhisperBackend:
    """
    A loaded Whisper model.

    Every chunk is padded to the 30 s that Whisper was trained on: with shorter windows texts change and can run away.
    """

    def __init__(self, device: Device, model: str, models_folder: Path) -> None:
        """Load the model, with smaller numbers if it does not fit. Raises `ModelUnavailable` or `DeviceFailed`."""
        self._load = partial(load_model, device, model, models_folder)
        self._smaller_than = partial(smaller_numbers, device)
        self._model, self._compute_type = self._load_fitting(device.compute_type)
        self._on_cpu = device.kind == "cpu"
        self._tokenizers: dict[tuple[str, WhisperTask], Tokenizer] = {}
        # A GPU works through one call after the other anyway; on a CPU the calls of several workers run side by side.
        self._calls: AbstractContextManager[Any] = nullcontext() if self._on_cpu else threading.Lock()

    @property
    def compute_type(self) -> str:
        """Number format in which it calculates; another than at the start if memory ran out."""
        return self._compute_type

    @property
    def multilingual(self) -> bool:
        """True if the model knows languages other than English."""
        return bool(self._model.model.is_multilingual)

    def decoding(
        self, language: str, task: WhisperTask, vocabulary: Sequence[str], *, any_language: bool = False
    ) -> Decoding:
        """
        Return the decoding options; models that know English only always write down English.

        Raises `TranscriptionError` if Whisper has no such language.
        """
        if not self.multilingual:
            return Decoding("en", WhisperTask.TRANSCRIBE, tuple(vocabulary))
        if language not in self._model.supported_languages:
            msg = f"Whisper does not know the language {language}. Choose another one, or auto."
            raise TranscriptionError(msg)
        return Decoding(language, task, tuple(vocabulary), any_language)

    def chunk(
        self,
        spoken: SpokenChunk,
        decoding: Decoding,
        *,
        encoded: Floats | None = None,
        window_seconds: int = CHUNK_SECONDS,
    ) -> Chunk:
        """Return *spoken* as the model takes it; a window of less than 30 s is for tests of the device."""
        return Chunk(
            features=self._features(spoken, window_seconds),
            start_seconds=spoken.start_seconds,
            speech_seconds=spoken.speech_seconds,
            prompt=self._prompt(decoding),
            decoding=decoding,
            encoded=encoded,
        )

    def detect_language(self, spoken: SpokenChunk) -> tuple[LanguageVote, Floats]:
        """Return the language vote of *spoken*, and its encoding, which need not be computed a second time."""
        return self._vote_on(spoken, CHUNK_SECONDS)

    def language_of(self, piece: SpokenChunk) -> LanguageVote:
        """
        Return the language vote of a few seconds of speech.

        They are not padded to 30 s. A text would suffer from that; a vote does not, and takes a sixth of the time.
        """
        seconds = min(math.ceil(piece.speech_seconds) + VOTE_PADDING_SECONDS, CHUNK_SECONDS)
        return self._vote_on(piece, seconds)[0]

    def forward(self, batch: Sequence[Chunk]) -> list[ChunkText]:
        """Return the text of each chunk; see `Backend`."""
        try:
            with self._calls:
                encoded = self._encode(batch)
                votes = self._votes(batch, encoded)
                batch = [self._in_its_language(chunk, vote) for chunk, vote in zip(batch, votes, strict=True)]
                generated = self._generate(batch, encoded)
                tokens = [self._text_tokens(chunk, result) for chunk, result in zip(batch, generated, strict=True)]
                words = self._align(batch, encoded, tokens)
        except (RuntimeError, MemoryError) as exc:
            raise device_error(exc) from exc
        return [self._text(*parts) for parts in zip(batch, generated, tokens, words, votes, strict=True)]

    def shrink(self) -> bool:
        """Load the model again in half the memory; see `Backend`."""
        smaller = self._smaller_than(self._compute_type)
        if smaller is None:
            return False
        with self._calls:
            if not self._on_cpu:
                self._model.model.unload_model()
            self._model = self._load(compute_type=smaller)
            self._compute_type = smaller
        return True

    def close(self) -> None:
        """Free the memory of the model."""
        self._model.model.unload_model()

    def _load_fitting(self, compute_type: str) -> tuple[WhisperModel, str]:
        """Return the model and its number format: *compute_type*, or the next smaller one if memory runs out."""
        try:
            return self._load(compute_type=compute_type), compute_type
        except OutOfMemory:
            smaller = self._smaller_than(compute_type)
            if smaller is None:
                raise
            logger.warning("out of memory with %s numbers; loading the model with %s", compute_type, smaller)
        return self._load(compute_type=smaller), smaller

    def _features(self, spoken: SpokenChunk, seconds: int = CHUNK_SECONDS) -> Floats:
        """Return the features of *spoken*, padded to *seconds*."""
        features = self._model.feature_extractor(spoken.samples)[..., :-1]
        padded: Floats = pad_or_trim(features, seconds * FRAMES_PER_SECOND)
        return padded

    def _vote_on(self, spoken: SpokenChunk, seconds: int) -> tuple[LanguageVote, Floats]:
        """Return the language vote of *spoken*, padded to *seconds*, and its encoding."""
        features = self._features(spoken, seconds)
        try:
            with self._calls:
                encoded = self._encode_on_host(features)
                (found,) = self._model.model.detect_language(storage(encoded))
        except (RuntimeError, MemoryError) as exc:
            raise device_error(exc) from exc
        return _vote(spoken.speech_seconds, found), encoded[0]

    def _tokenizer(self, decoding: Decoding) -> Tokenizer:
        key = (decoding.language, decoding.task)
        if key not in self._tokenizers:
            self._tokenizers[key] = Tokenizer(
                self._model.hf_tokenizer, self.multilingual, task=decoding.task.value, language=decoding.language
            )
        return self._tokenizers[key]

    def _prompt(self, decoding: Decoding) -> tuple[int, ...]:
        hotwords = vocabulary_hint(decoding.vocabulary)
        return tuple(self._model.get_prompt(self._tokenizer(decoding), [], without_timestamps=True, hotwords=hotwords))

    def _encode(self, batch: Sequence[Chunk]) -> Any:
        """
        Return the encoder's output for *batch*, as CTranslate2 holds it.

        On a CPU the encoder gains nothing from a batch (base: 0.70 s for one chunk, 5.70 s for eight).
        """
        if not self._on_cpu and all(chunk.encoded is None for chunk in batch):
            return self._model.model.encode(storage(np.stack([chunk.features for chunk in batch])))
        rows = [self._encode_on_host(chunk.features)[0] if chunk.encoded is None else chunk.encoded for chunk in batch]
        return storage(np.stack(rows))

    def _encode_on_host(self, features: Floats) -> Floats:
        """Return the encoder's output for one chunk in the machine's own memory; CTranslate2 moves it back itself."""
        output: Floats = np.asarray(self._model.model.encode(storage(features[np.newaxis]), to_cpu=True))
        return output

    def _votes(self, batch: Sequence[Chunk], encoded: Any) -> list[LanguageVote | None]:
        """Return the language vote of each chunk; None where the language is given. It costs a token of the decoder."""
        if not any(chunk.decoding.any_language for chunk in batch):
            return [None] * len(batch)
        found = self._model.model.detect_language(encoded)
        return [
            _vote(chunk.speech_seconds, one) if chunk.decoding.any_language else None
            for chunk, one in zip(batch, found, strict=True)
        ]

    def _in_its_language(self, chunk: Chunk, vote: LanguageVote | None) -> Chunk:
        """Return *chunk* with the prompt of the language that is spoken in it."""
        language = language_of_passage(vote, chunk.decoding.language) if vote else chunk.decoding.language
        if language == chunk.decoding.language:
            return chunk
        decoding = replace(chunk.decoding, language=language)
        return replace(chunk, decoding=decoding, prompt=self._prompt(decoding))

    def _generate(self, batch: Sequence[Chunk], encoded: Any) -> list[Any]:
        results: list[Any] = self._model.model.generate(
            encoded,
            [list(chunk.prompt) for chunk in batch],
            beam_size=BEAM_SIZE,
            max_length=self._model.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=get_suppressed_tokens(self._tokenizer(batch[0].decoding), [-1]),
            sampling_temperature=0.0,
        )
        return results

    def _align(
        self, batch: Sequence[Chunk], encoded: Any, tokens: Sequence[tuple[int, ...]]
    ) -> list[tuple[TimedWord, ...]]:
        """Return the words of each chunk, by one call of the model for each language and task."""
        rows_by_start: dict[tuple[str, WhisperTask], list[int]] = {}
        for row, chunk in enumerate(batch):
            rows_by_start.setdefault((chunk.decoding.language, chunk.decoding.task), []).append(row)
        words: list[tuple[TimedWord, ...]] = [()] * len(batch)
        for rows in rows_by_start.values():
            aligned = self._model.find_alignment(
                self._tokenizer(batch[rows[0]].decoding),
                [list(tokens[row]) for row in rows],
                encoded if len(rows) == len(batch) else rows_of(encoded, rows),
                [self._frames(batch[row]) for row in rows],
            )
            for row, found in zip(rows, aligned, strict=True):
                words[row] = tuple(_timed_word(word) for word in found)
        return words

    def _frames(self, chunk: Chunk) -> int:
        """Return the number of frames of the chunk that are speech, rounded up to seconds as faster-whisper does it."""
        return min(math.ceil(chunk.speech_seconds), CHUNK_SECONDS) * FRAMES_PER_SECOND

    def _text_tokens(self, chunk: Chunk, result: Any) -> tuple[int, ...]:
        end_of_text = self._tokenizer(chunk.decoding).eot
        return tuple(token for token in result.sequences_ids[0] if token < end_of_text)

    def _text(
        self,
        chunk: Chunk,
        result: Any,
        tokens: tuple[int, ...],
        words: tuple[TimedWord, ...],
        vote: LanguageVote | None,
    ) -> ChunkText:
        text: str = self._tokenizer(chunk.decoding).decode(tokens)
        generated = len(result.sequences_ids[0])
        return ChunkText(
            text=text,
            tokens=tokens,
            words=words,
            # CTranslate2's score is a mean over the tokens without the end of text, OpenAI's includes it.
            average_log_probability=result.scores[0] * generated / (generated + 1),
            no_speech_probability=result.no_speech_prob,
            compression_ratio=get_compression_ratio(text),
            language=chunk.decoding.language,
            language_probability=max(vote.probabilities.values()) if vote else 1.0,
            mixed=vote is not None and is_mixed(vote),
        )


def vocabulary_hint(vocabulary: Sequence[str]) -> str | None:
    """
    Return the words to expect as faster-whisper's hotwords.

    The model takes them for what was said before. So they end with a full stop: without one it went on with the
    sentence, in small letters, and left out first words that it had "heard" already. Only the first 223 tokens count.
    """
    return f"{', '.join(vocabulary)}." if vocabulary else None


def _vote(speech_seconds: float, found: Sequence[tuple[str, float]]) -> LanguageVote:
    """Return CTranslate2's list of language tokens, such as ``<|en|>``, as a vote."""
    return LanguageVote(speech_seconds, {token[2:-2]: float(probability) for token, probability in found})


def _timed_word(word: dict[str, Any]) -> TimedWord:
    return TimedWord(
        text=word["word"],
        tokens=tuple(word["tokens"]),
        start=float(word["start"]),
        end=float(word["end"]),
        probability=min(float(word["probability"]), 1.0),
    )
