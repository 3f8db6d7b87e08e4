"""The speech recognisers that are compared: ours, and the peers that run the same model on the same machine."""

import json
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import faster_whisper

from tasks.devices import Device
from tasks.errors import NoSpeech
from tasks.options import TranscriptionOptions
from tasks.transcription import model_manager
from tasks.transcription.backend import Chunk, ChunkText, Decoding
from tasks.transcription.languages import LanguageVote
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.transcribe import transcribe
from tasks.transcription.vad import SpokenChunk
from tasks.transcription.whisper import WhisperBackend

OURS = "Batchscribe"
BATCH_SIZE = 8


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was recognised, with its times in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Recognised:
    """The words of a recording, and the stretches (start, end) of which it is said that they were not understood."""

    words: tuple[Word, ...] = ()
    gaps: tuple[tuple[float, float], ...] = ()

    @property
    def text(self) -> str:
        """All words in a line."""
        return "".join(word.text for word in self.words).strip()


Recogniser = Callable[[Path, str], Recognised]
"""Recognises the speech of a file; its second argument is the language, empty if that is to be found out."""


class ObservedBackend(WhisperBackend):
    """The model; it notes the CPU time that second tries take, the language votes on their pieces among it."""

    second_tries_seconds = 0.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._pieces = set[int]()

    def piece(self, spoken: SpokenChunk, decoding: Decoding) -> Chunk:
        """Note a piece."""
        piece = super().piece(spoken, decoding)
        self._pieces.add(id(piece))
        return piece

    def forward(self, batch: Sequence[Chunk]) -> list[ChunkText]:
        """Share the time of a call among its chunks."""
        before, again = cpu_seconds(), [id(chunk) for chunk in batch if id(chunk) in self._pieces]
        texts = super().forward(batch)
        self._pieces.difference_update(again)
        ObservedBackend.second_tries_seconds += (cpu_seconds() - before) * len(again) / len(batch)
        return texts

    def language_of(self, piece: SpokenChunk) -> LanguageVote:
        """Note the time of a vote."""
        before = cpu_seconds()
        vote = super().language_of(piece)
        ObservedBackend.second_tries_seconds += cpu_seconds() - before
        return vote


def recognisers(model: str, models_folder: Path) -> Mapping[str, Recogniser]:
    """Return ours and the peers that are installed, each with one thread and the numbers of the model as int8."""
    model_manager.WhisperBackend = ObservedBackend
    place = PlacedModel(
        Device(name="cpu:0", kind="cpu", cpu_threads=1, compute_type="int8", batch_size=4), model, models_folder
    )
    folder = str(models_folder / model)
    peer = faster_whisper.WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1)
    found: dict[str, Recogniser] = {
        OURS: partial(_ours, place),
        "sequential": partial(_faster_whisper, partial(peer.transcribe, vad_filter=True)),
        "batched": partial(
            _faster_whisper,
            partial(faster_whisper.BatchedInferencePipeline(peer).transcribe, batch_size=BATCH_SIZE),
        ),
    }
    if shutil.which("whisper-ctranslate2"):
        found["ctranslate2"] = partial(_whisper_ctranslate2, folder)
    try:
        import stable_whisper
    except ImportError:
        return found
    refined = stable_whisper.load_faster_whisper(folder, device="cpu", compute_type="int8", cpu_threads=1)
    found["stable-ts"] = partial(_stable_ts, refined)
    return found


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _ours(place: PlacedModel, file: Path, language: str) -> Recognised:
    options = TranscriptionOptions(language=language or "auto")
    try:
        transcript = transcribe(
            place, file, options, name=file.name, on_progress=lambda _: None, cancelled=lambda: False
        )
    except NoSpeech:
        return Recognised()
    words = tuple(Word(word.text, word.start, word.end) for word in transcript.words)
    return Recognised(words, tuple((gap.start, gap.end) for gap in transcript.gaps))


def _faster_whisper(run: Callable[..., Any], file: Path, language: str) -> Recognised:
    segments, _ = run(str(file), language=language or None, word_timestamps=True, beam_size=5)
    return Recognised(tuple(Word(each.word, each.start, each.end) for one in segments for each in one.words or ()))


def _stable_ts(refined: Any, file: Path, language: str) -> Recognised:
    result = refined.transcribe(str(file), language=language or None, vad=False, verbose=None)
    return Recognised(tuple(Word(each.word, each.start, each.end) for each in result.all_words()))


def _whisper_ctranslate2(model: str, file: Path, language: str) -> Recognised:
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "--model_directory": model,
            "--output_dir": folder,
            "--output_format": "json",
            "--device": "cpu",
            "--compute_type": "int8",
            "--threads": "1",
            "--batched": "True",
            "--batch_size": str(BATCH_SIZE),
            "--word_timestamps": "True",
            "--verbose": "False",
        }
        command = ["whisper-ctranslate2", str(file), *(part for option in options.items() for part in option)]
        command += ["--language", language] if language else []
        subprocess.run(command, check=True, capture_output=True)
        written = json.loads((Path(folder) / f"{file.stem}.json").read_text(encoding="utf-8"))
    return Recognised(tuple(_words_of(written)))


def _words_of(written: Mapping[str, Any]) -> Iterator[Word]:
    for segment in written["segments"]:
        for word in segment.get("words") or ():
            yield Word(word["word"], word["start"], word["end"])
