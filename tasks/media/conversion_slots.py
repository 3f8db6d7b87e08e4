"""
Conversion slots: a limit on the uploads converted at the same time on this host, across batches and processes.

A turn is a lock on one of as many files in the data folder as there may be conversions. The kernel takes it back when
its process ends, however that ends. Inside a process batches take turns (`tasks.fair_queue`), users' own before
those of inboxes; processes pass one by one through a turnstile, another lock, which none can pass twice while others
wait. While users' uploads wait in any process, those of inboxes let them go first.
"""

import contextlib
import fcntl
import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Self

from tasks.batches import Batch
from tasks.cancellation import RunCancelled, current_token
from tasks.fair_queue import FairQueue
from tasks.settings import Settings

SECONDS_BETWEEN_TRIES = 0.02
"""Only the process in the turnstile tries, so this costs next to nothing."""

SECONDS_TO_STEP_BACK = 0.001
"""After its turn a process leaves the turnstile to those it has just woken."""

SECONDS_AFTER_FAILURE = 1.0

logger = logging.getLogger(__name__)


class Slot:
    """One of the host's places for a conversion, held."""

    def __init__(self, file: int, on_release: Callable[[], None]) -> None:
        self._file: int | None = file
        self._on_release = on_release
        self._lock = threading.Lock()

    def release(self) -> None:
        """Give the place back. Doing it again changes nothing."""
        with self._lock:
            file, self._file = self._file, None
        if file is not None:
            os.close(file)
            self._on_release()


class Turns:
    """Gives the batches of this process their turns, from a thread of its own."""

    def __init__(self, folder: Path, slots: int) -> None:
        self._folder = folder
        self._slots = slots
        self._changed = threading.Condition()
        self._people: FairQueue[str, Callable[[Slot], None]] = FairQueue()
        self._inboxes: FairQueue[str, Callable[[Slot], None]] = FairQueue()
        self._thread: threading.Thread | None = None

    def ask(self, batch: Batch, give: Callable[[Slot], None]) -> None:
        """Have *give* called with a slot once it is the batch's turn, in another thread."""
        with self._changed:
            line = self._inboxes if batch.inbox else self._people
            line.put(batch.batch_id, give, cost=1.0)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="conversion-turns", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._anything_waits)
            try:
                slot = self._next_slot()
            except OSError as error:
                logger.warning("No upload can be converted while %s cannot be locked: %s", self._folder, error)
                time.sleep(SECONDS_AFTER_FAILURE)
                continue
            if slot is not None:
                self._give(slot)
            time.sleep(SECONDS_TO_STEP_BACK)

    def _give(self, slot: Slot) -> None:
        with self._changed:
            taken = self._people.take(1) or self._inboxes.take(1)
        if not taken:
            slot.release()
            return
        try:
            taken[0][1](slot)
        except Exception:
            slot.release()
            logger.exception("A batch could not take its turn to convert")

    def _next_slot(self) -> Slot | None:
        """Wait for a free slot; return None if nothing waits for it any more, or others are to go first."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._sign_of_people(), _locked(self._folder / "turnstile", fcntl.LOCK_EX):
            while self._may_go_on():
                for number in range(self._slots):
                    if (slot := self._lock_slot(number)) is not None:
                        return slot
                with self._changed:
                    self._changed.wait(SECONDS_BETWEEN_TRIES)
        time.sleep(SECONDS_BETWEEN_TRIES)
        return None

    def _lock_slot(self, number: int) -> Slot | None:
        file = _opened(self._folder / f"slot-{number}")
        if _try_to_lock(file, fcntl.LOCK_EX):
            return Slot(file, self._tell_of_release)
        os.close(file)
        return None

    def _tell_of_release(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _anything_waits(self) -> bool:
        return bool(len(self._people) or len(self._inboxes))

    def _may_go_on(self) -> bool:
        with self._changed:
            if len(self._people):
                return True
            if not len(self._inboxes):
                return False
        return not self._people_wait_elsewhere()

    @contextlib.contextmanager
    def _sign_of_people(self) -> Iterator[None]:
        """Show the other processes whether users' uploads wait here."""
        with self._changed:
            waiting = len(self._people)
        if not waiting:
            yield
            return
        with _locked(self._folder / "people-wait", fcntl.LOCK_SH):
            yield

    def _people_wait_elsewhere(self) -> bool:
        file = _opened(self._folder / "people-wait")
        try:
            return not _try_to_lock(file, fcntl.LOCK_EX)
        finally:
            os.close(file)


class Turn:
    """
    The turn of one upload, as a context in which it is converted. The slot is given back at its end.

    A further attempt, after a pause in which others convert, waits for another turn.
    """

    def __init__(self, turns: Turns, batch: Batch, first: Slot) -> None:
        self._turns = turns
        self._batch = batch
        self._slot: Slot | None = first

    def __enter__(self) -> Self:
        """Take the slot that is there, or wait for one. Raises `RunCancelled`."""
        if self._slot is None:
            self._slot = _Wait(self._turns, self._batch).slot()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the slot back."""
        self.end()

    def end(self) -> None:
        """Give the slot back, also if the conversion never began."""
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.release()


class _Wait:
    """A thread that waits for a slot, or for its run's cancel."""

    def __init__(self, turns: Turns, batch: Batch) -> None:
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._slot: Slot | None = None
        self._given_up = False
        turns.ask(batch, self._take)

    def _take(self, slot: Slot) -> None:
        """Take the slot, or release it if given up; called in the thread of the turns."""
        with self._lock:
            if not self._given_up:
                self._slot = slot
                self._woken.set()
                return
        slot.release()

    def slot(self) -> Slot:
        token = current_token()
        with token.calling(self._woken.set):
            self._woken.wait()
        with self._lock:
            self._given_up = True
            if self._slot is None:
                raise RunCancelled
            return self._slot


_current: ContextVar[Turn | None] = ContextVar("current turn to convert", default=None)


def set_current_turn(turn: Turn) -> None:
    """Make *turn* the current one in this context and in the thread started from it."""
    _current.set(turn)


def current_turn() -> contextlib.AbstractContextManager[object]:
    """Return the turn of the upload that is being converted; outside a batch run, one without a limit."""
    return _current.get() or contextlib.nullcontext()


def conversions_at_once(settings: Settings) -> int:
    """Return the number of uploads that are converted at the same time on this host."""
    return settings.conversions or os.cpu_count() or 1


def turns_on_this_host(settings: Settings) -> Turns:
    """Return this process's part in the turns of the host."""
    return _turns(settings.locks_folder / "conversions", conversions_at_once(settings))


@functools.cache
def _turns(folder: Path, slots: int) -> Turns:
    return Turns(folder, slots)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _try_to_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    file = _opened(path)
    try:
        fcntl.flock(file, kind)
        yield
    finally:
        os.close(file)
