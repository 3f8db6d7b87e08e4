"""The engines of this process: one per device, with one model at a time."""

import contextlib
import ctypes
import logging
import math
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.devices import Device
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.engine import CANCEL_CHECK_SECONDS, Engine
from tasks.transcription.model_files import workers_of
from tasks.transcription.whisper import WhisperBackend


def give_back() -> None:
    """
    Give the memory that this process has freed back to the system.

    On Linux the C library keeps most of it otherwise: a process that had used base had 324 MB, unloaded 298, and
    thereafter 210. Elsewhere, and with another C library, nothing happens.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # musl has no such function
            ctypes.CDLL(None).malloc_trim(0)


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlacedModel:
    """
    A model on a device, as a recording asks for it.

    *call_seconds* is the longest that one call of the model may take before the device counts as failed.
    """

    device: Device
    model: str
    models_folder: Path
    call_seconds: float = math.inf


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that is loaded, and the engine that feeds it."""

    placed: PlacedModel
    backend: WhisperBackend
    engine: Engine


class Engines:
    """The engines of a process, one per device."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seats: dict[str, _ModelSlot] = {}

    @contextmanager
    def use(self, placed: PlacedModel, *, cancelled: Callable[[], bool] = lambda: False) -> Iterator[LoadedModel]:
        """
        Yield the model, loaded; it stays so until the block ends.

        Where another model is in use on the device, this waits until its last user is done. Raises
        `ModelUnavailable`, `DeviceFailed`, or `TranscriptionCancelled` soon after *cancelled* says so; a model that
        was being loaded then is there for the next job.
        """
        with self._lock:
            seat = self._seats.setdefault(placed.device.name, _ModelSlot())
        with seat.use(placed, cancelled) as loaded:
            yield loaded

    def unload_idle(self) -> None:
        """Free the memory of all models that are neither in use nor waited for."""
        with self._lock:
            seats = list(self._seats.values())
        for seat in seats:
            seat.unload_idle()
        give_back()


class _ModelSlot:
    """
    The slot of one device: the users of its model, and those that wait for it.

    Those who wait are served in order, so that a stream of jobs of one model cannot keep out a job of another. Models
    are loaded and unloaded in a thread of the slot's own: neither can be stopped, and one that waits may be cancelled.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[object] = deque()
        self._users = 0
        self._loaded: LoadedModel | None = None
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="model-loader")

    @contextmanager
    def use(self, placed: PlacedModel, cancelled: Callable[[], bool]) -> Iterator[LoadedModel]:
        with self._first_in_line(cancelled):
            self._wait(lambda: not self._users or self._serving(placed) is not None, cancelled)
            loaded = self._serving(placed) or self._load_unless(cancelled, placed)
            with self._changed:
                self._users += 1
        try:
            yield loaded
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def unload_idle(self) -> None:
        with self._changed:
            if self._users or self._line:
                return
        with self._first_in_line(lambda: False):
            if not self._users:
                self._loader.submit(self._unload).result()

    @contextmanager
    def _first_in_line(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Queue up. Only the first in line loads or unloads, so that needs no lock and others can still queue up."""
        ticket = object()
        with self._changed:
            self._line.append(ticket)
        try:
            self._wait(lambda: self._line[0] is ticket, cancelled)
            yield
        finally:
            with self._changed:
                self._line.remove(ticket)
                self._changed.notify_all()

    def _wait(self, condition: Callable[[], bool], cancelled: Callable[[], bool]) -> None:
        while True:
            if cancelled():
                raise TranscriptionCancelled
            with self._changed:
                if condition():
                    return
                self._changed.wait(CANCEL_CHECK_SECONDS)

    def _serving(self, placed: PlacedModel) -> LoadedModel | None:
        loaded = self._loaded
        return loaded if loaded and loaded.placed == placed and loaded.engine.failure is None else None

    def _load_unless(self, cancelled: Callable[[], bool], placed: PlacedModel) -> LoadedModel:
        loading = self._loader.submit(self._load, placed)
        self._wait(loading.done, cancelled)
        return loading.result()

    def _load(self, placed: PlacedModel) -> LoadedModel:
        if serving := self._serving(placed):  # loaded for a job that was cancelled meanwhile
            return serving
        self._unload()
        logger.info("loading model %s on %s", placed.model, placed.device.name)
        backend = WhisperBackend(placed.device, placed.model, placed.models_folder)
        engine = Engine(
            backend,
            batch_size=placed.device.batch_size,
            workers=workers_of(placed.device),
            call_seconds=placed.call_seconds,
        )
        self._loaded = LoadedModel(placed, backend, engine)
        return self._loaded

    def _unload(self) -> None:
        if self._loaded is None:
            return
        logger.info("unloading model %s from %s", self._loaded.placed.model, self._loaded.placed.device.name)
        self._loaded.engine.close()
        self._loaded = None


ENGINES = Engines()
"""The engines of this process."""
