"""
The lock of a data folder: one installation at a time uses it, and a start finds the processes left by the last.

The lock is the operating system's and ends with the process, however it ends. The file says who holds it and which
processes it started; where Linux does not end those with their parent, the next start does.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from tasks.batches import StoredModel

STOPPING_SECONDS = 45.0
"""Time that a start waits for a predecessor that says that it is stopping."""


class DataFolderInUse(Exception):
    """Another process works with the data folder."""


class DataFolderUnusable(Exception):
    """The data folder cannot be made or written."""


class ProcessMark(StoredModel):
    """A process, told apart from a later one that was given the same id."""

    pid: int
    started: str


class Holder(StoredModel):
    """The holder of a data folder and the processes it started."""

    holder: ProcessMark
    stopping: bool = False
    started: tuple[ProcessMark, ...] = ()


class DataFolder:
    """The data folder of an installation, held while this is open as a context."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIOWrapper | None = None
        self._state = Holder(holder=mark_of(os.getpid()))

    def __enter__(self) -> Self:
        """Take the folder and end processes of a killed predecessor. Raises `DataFolderInUse`, `DataFolderUnusable`."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            file = (self._path / "up.lock").open("a+", encoding="utf-8")
        except OSError as error:
            msg = (
                f"The data folder {self._path} can't be used: {error.strerror or error}. Set BATCHSCRIBE_DATA to a "
                "folder that can be written."
            )
            raise DataFolderUnusable(msg) from error
        try:
            self._lock(file)
        except BaseException:
            file.close()
            raise
        for mark in (_read(file) or self._state).started:
            end_if_same(mark)
        self._file = file
        self._write()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go of the folder."""
        if self._file is not None:
            self._state = self._state.model_copy(update={"started": ()})
            self._write()
            self._file.close()

    def remember(self, pid: int) -> None:
        """Note a process that was started, in case we are killed."""
        self._state = self._state.model_copy(update={"started": (*self._state.started, mark_of(pid))[-100:]})
        self._write()

    def say_stopping(self) -> None:
        """Tell a next start that it need only wait."""
        self._state = self._state.model_copy(update={"stopping": True})
        self._write()

    def _lock(self, file: TextIOWrapper) -> None:
        deadline = time.monotonic() + STOPPING_SECONDS
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            holder = _read(file)
            if holder is None or not holder.stopping or time.monotonic() > deadline:
                who = f" (process {holder.holder.pid})" if holder else ""
                msg = (
                    f"Batchscribe already runs with the data folder {self._path}{who}. Stop it with Ctrl-C where it "
                    "runs, or set BATCHSCRIBE_DATA and the two ports for a second one."
                )
                raise DataFolderInUse(msg)
            time.sleep(0.2)

    def _write(self) -> None:
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(self._state.model_dump_json())
            self._file.flush()


def holder_of(folder: Path) -> int | None:
    """Return the id of the process that has the data folder, None if none has; nothing is locked or written."""
    try:
        with (folder / "up.lock").open(encoding="utf-8") as file:
            state = _read(file)
    except OSError:
        return None
    alive = state is not None and state.holder.started and mark_of(state.holder.pid) == state.holder
    return state.holder.pid if state is not None and alive else None


def _read(file: TextIOWrapper) -> Holder | None:
    file.seek(0)
    try:
        return Holder.model_validate_json(file.read())
    except ValidationError:
        return None


def mark_of(pid: int) -> ProcessMark:
    """Return the mark of a process that runs; its start is empty if it does not."""
    return ProcessMark(pid=pid, started=_start_of(pid))


def _start_of(pid: int) -> str:
    """Return the start time of the process from the system: exact enough to tell it from a later one."""
    if sys.platform == "linux":
        try:
            after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        except OSError:
            return ""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {after_name.split()[19]}"  # field 22 of proc(5): clock ticks from boot to its start
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def end_if_same(mark: ProcessMark) -> None:
    """Kill the process and its group, if it is still the one that was marked."""
    if mark.started and _start_of(mark.pid) == mark.started:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(mark.pid, signal.SIGKILL)
