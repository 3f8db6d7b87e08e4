"""Our engine next to faster-whisper's batched pipeline on one device: the same recordings, number format and batch."""

import contextlib
import difflib
import os
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from processes import peak_memory_mb

from tasks.options import TranscriptionOptions
from tasks.transcription.model_files import load_model
from tasks.transcription.model_manager import ENGINES, PlacedModel
from tasks.transcription.sound import SAMPLE_RATE, decode
from tasks.transcription.transcribe import transcribe

SPEECH = Path(__file__).parents[1] / "tests" / "speech"
SLOTS = 2
RECORDINGS = 4
LANGUAGE = "en"
FORGET_PEAK = "5"
"""Of ``/proc/<pid>/clear_refs`` (Linux only): count the peak from now on."""


@dataclass(frozen=True, slots=True)
class Load:
    """Recordings, and their length in seconds together."""

    recordings: tuple[Path, ...]
    seconds: float


@contextlib.contextmanager
def make_load(minutes: float) -> Iterator[Load]:
    """Yield recordings of so many minutes in all, each made of the clips of the tests in another order."""
    clips = [decode(path, name=path.name, cancelled=lambda: False) for path in sorted(SPEECH.glob("*.mp3"))]
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number in range(RECORDINGS):
            wanted, parts = int(minutes * 60 / RECORDINGS * SAMPLE_RATE), []
            for clip in cycle(clips[number:] + clips[:number]):
                parts.append(clip)
                if sum(map(len, parts)) >= wanted:
                    break
            paths.append(Path(folder) / f"{number}.wav")
            with wave.open(str(paths[-1]), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE)
                file.writeframes(np.concatenate(parts)[:wanted].tobytes())
        yield Load(tuple(paths), RECORDINGS * wanted / SAMPLE_RATE)


def compare(placed: PlacedModel, load: Load, batch: int) -> dict[str, Any]:
    """Return both throughputs (seconds of audio in a second), the memory each took, and the share of equal words."""
    began = time.monotonic()
    placed = replace(placed, device=placed.device.model_copy(update={"batch_size": batch}))
    ours, our_words = _ours(placed, load)
    theirs, their_words = _theirs(placed, load, batch)
    same = difflib.SequenceMatcher(None, our_words, their_words, autojunk=False).ratio()
    return {
        "batch": batch,
        "ours": ours,
        "theirs": theirs,
        "same_words": round(same, 4),
        "seconds": round(time.monotonic() - began, 1),
    }


def _ours(placed: PlacedModel, load: Load) -> tuple[dict[str, float], list[str]]:
    """Transcribe two recordings at a time, as the two slots of a device do."""
    options = TranscriptionOptions(language=LANGUAGE)

    def heard(path: Path) -> str:
        one = transcribe(placed, path, options, name=path.name, on_progress=lambda _: None, cancelled=lambda: False)
        return one.text

    with ENGINES.use(placed), _memory(placed) as memory, ThreadPoolExecutor(SLOTS) as slots:
        began = time.monotonic()
        texts = list(slots.map(heard, load.recordings))
        seconds = time.monotonic() - began
    ENGINES.unload_idle()
    return _row(load, seconds, memory), " ".join(texts).split()


def _theirs(placed: PlacedModel, load: Load, batch: int) -> tuple[dict[str, float], list[str]]:
    """Transcribe one recording after the other, as their pipeline does."""
    model: WhisperModel = load_model(
        placed.device, placed.model, placed.models_folder, compute_type=placed.device.compute_type
    )
    texts = []
    with _memory(placed) as memory:
        began = time.monotonic()
        for path in load.recordings:
            pipeline = BatchedInferencePipeline(model)
            segments, _ = pipeline.transcribe(str(path), language=LANGUAGE, batch_size=batch, word_timestamps=True)
            texts += [segment.text for segment in segments]
        seconds = time.monotonic() - began
    model.model.unload_model()
    return _row(load, seconds, memory), " ".join(texts).split()


def _row(load: Load, seconds: float, memory: dict[str, float]) -> dict[str, float]:
    return {"audio_per_second": round(load.seconds / seconds, 2), "wall_s": round(seconds, 2), **memory}


@contextlib.contextmanager
def _memory(placed: PlacedModel) -> Iterator[dict[str, float]]:
    """Yield a record that has, once the block has ended, the most memory of the GPU that was in use, or of ours."""
    memory: dict[str, float] = {}
    if placed.device.kind == "cpu":
        Path("/proc/self/clear_refs").write_text(FORGET_PEAK, encoding="ascii")
        yield memory
        memory["process_peak_mb"] = round(peak_memory_mb(os.getpid()))
        return
    import torch

    ended, least = threading.Event(), [torch.cuda.mem_get_info(placed.device.index)[0]]

    def watch() -> None:
        while not ended.wait(0.05):
            least[0] = min(least[0], torch.cuda.mem_get_info(placed.device.index)[0])

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield memory
    finally:
        ended.set()
        watching.join()
    memory["gpu_peak_mb"] = round((torch.cuda.mem_get_info(placed.device.index)[1] - least[0]) / 2**20)
