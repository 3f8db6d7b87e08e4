"""An engine on a backend that computes at command; a small real model; recordings made of the project's clips."""

import math
import queue
import threading
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from faster_whisper import decode_audio

from tasks.devices import Device
from tasks.errors import DeviceFailed
from tasks.transcription.backend import Chunk, ChunkText, Decoding
from tasks.transcription.engine import Engine

SAMPLE_RATE = 16_000
DEADLINE_SECONDS = 20


class SteppedBackend:
    """
    A backend whose batches end when the test says so.

    It writes the start of each chunk as its text. *fails* gets every batch and may raise in place of the model.
    """

    def __init__(self, *, fails: Callable[[Sequence[Chunk]], object] = lambda _: None, stepped: bool = True) -> None:
        self.entered: queue.Queue[Sequence[Chunk]] = queue.Queue()
        self.batches: list[list[float]] = []
        self.shrinks = 0
        self.closed = False
        self.fails = fails
        self._steps = threading.Semaphore(0 if stepped else 1_000_000)

    def forward(self, batch: Sequence[Chunk]) -> list[ChunkText]:
        self.batches.append([chunk.start_seconds for chunk in batch])
        self.entered.put(batch)
        assert self._steps.acquire(timeout=DEADLINE_SECONDS), "the test did not let the batch end"
        self.fails(batch)
        return [ChunkText(str(chunk.start_seconds), (), (), 0.0, 0.0, 1.0) for chunk in batch]

    def shrink(self) -> bool:
        """It can be made smaller once."""
        self.shrinks += 1
        return self.shrinks == 1

    def close(self) -> None:
        self.closed = True

    def next_batch(self) -> list[float]:
        """Wait until a batch is in the model and return the starts of its chunks."""
        return [chunk.start_seconds for chunk in self.entered.get(timeout=DEADLINE_SECONDS)]

    def finish(self) -> None:
        """Let one batch end."""
        self._steps.release()

    def finish_all(self) -> None:
        """Let this batch end, and all that come."""
        self._steps.release(1_000_000)


class Feeder:
    """One recording in a thread of its own: what `transcribe` is in production."""

    def __init__(self, engine: Engine, chunks: Sequence[Chunk]) -> None:
        self.texts: list[float] = []
        self.error: Exception | None = None
        self.drawn = 0
        self.cancelled = threading.Event()
        self.admitted = threading.Event()
        self._engine, self._chunks = engine, chunks
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def in_line(self) -> Self:
        """Wait until all its chunks are in line, and return the recording."""
        assert self.admitted.wait(DEADLINE_SECONDS), "the chunks did not get in line"
        return self

    def result(self) -> list[float]:
        """Wait for the end and return the texts so far, or raise what ended the recording."""
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive(), "the recording did not end"
        if self.error:
            raise self.error
        return self.texts

    def _run(self) -> None:
        try:
            for _, text in self._engine.texts(self._drawn(), cancelled=self.cancelled.is_set):
                self.texts.append(float(text.text))
        except Exception as error:  # noqa: BLE001 - handed to the test by result()
            self.error = error

    def _drawn(self) -> Iterator[Chunk]:
        for chunk in self._chunks:
            self.drawn += 1
            yield chunk
        self.admitted.set()


class Bench:
    """An engine on a stepped backend. A batch that is not full waits as long as a recording is still being fed."""

    def __init__(
        self,
        *,
        batch_size: int,
        workers: int = 1,
        fails: Callable[[Sequence[Chunk]], object] = lambda _: None,
        stepped: bool = True,
        call_seconds: float = math.inf,
    ) -> None:
        self.backend = SteppedBackend(fails=fails, stepped=stepped)
        self.engine = Engine(
            self.backend,
            batch_size=batch_size,
            workers=workers,
            linger_seconds=DEADLINE_SECONDS,
            call_seconds=call_seconds,
        )

    def feed(self, *starts: float, prompt_length: int = 4) -> Feeder:
        """Start a recording with chunks at these places; they carry no sound, since the backend does not listen."""
        features = np.zeros((1, 1), dtype=np.float32)
        decoding = Decoding("en")
        return Feeder(self.engine, [Chunk(features, start, 30.0, (0,) * prompt_length, decoding) for start in starts])

    def close(self) -> None:
        self.backend.finish_all()
        with suppress(DeviceFailed):  # the test had it hang
            self.engine.close()


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    """Return a function that starts engines on stepped backends; they are closed after the test."""
    started: list[Bench] = []

    def start(**settings: Any) -> Bench:
        started.append(Bench(**settings))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(scope="session")
def models_folder(small_model: Path, multilingual_model: Path, speaker_model: Path) -> Path:
    """The folder of tiny.en, base and the model that tells speakers apart."""
    assert small_model.parent == multilingual_model.parent == speaker_model.parent
    return small_model.parent


@pytest.fixture(scope="session")
def device() -> Device:
    return Device(name="cpu:0", kind="cpu", cpu_threads=2, compute_type="int8", batch_size=4)


@pytest.fixture(scope="session")
def clip() -> Callable[[str], Path]:
    """Return a clip of the project by its name without the ending."""
    folder = Path(__file__).parents[2] / "speech"

    def find(stem: str) -> Path:
        (found,) = (path for path in folder.iterdir() if path.stem == stem)
        return found

    return find


@pytest.fixture(scope="session")
def write_wav() -> Callable[[Path, np.ndarray], None]:
    """Return a function that writes mono sound at 16 kHz."""

    def write(path: Path, samples: np.ndarray) -> None:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes((samples * 32767).astype("<i2").tobytes())

    return write


@pytest.fixture
def recording(
    clip: Callable[[str], Path], tmp_path: Path, write_wav: Callable[[Path, np.ndarray], None]
) -> Callable[..., Path]:
    """Return a file of some clips one after the other, with a second of silence between them."""

    def join(*stems: str) -> Path:
        parts = [part for stem in stems for part in (decode_audio(str(clip(stem))), np.zeros(SAMPLE_RATE, np.float32))]
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.wav"
        write_wav(path, np.concatenate(parts))
        return path

    return join
