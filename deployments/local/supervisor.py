"""
Supervisor of processes: started, listened to, started again when they end, stopped with all they started.

On Linux the kernel ends each of them with the process that started it, so that even ``kill -9`` leaves none behind;
elsewhere the next start finds them in the data folder's lock (`deployments.local.data_lock`).
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from deployments.local.console import READY, Console, Level, console_line

LINE_BYTES = 2**20
LOG_BYTES = 8 * 2**20
LOG_FILES = 2
QUICK_DEATH_SECONDS = 30.0
"""A process that ends sooner than this after its start has a fault that starting again may not cure."""
MAX_QUICK_DEATHS = 5
MAX_PAUSE_SECONDS = 15.0
STOP_SECONDS = 10.0

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run, with the name that users see."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


class GaveUp(Exception):
    """A process ended again and again."""


def end_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Have Linux send this process *signal_number* when the thread that started it ends; nothing elsewhere."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal_number)


class KeptProcess:
    """A process that is started again when it ends on its own."""

    def __init__(
        self,
        command: Command,
        *,
        folder: Path,
        logs: Path,
        console: Console,
        on_start: Callable[[int], None],
    ) -> None:
        self.command = command
        self.log_path = logs / f"{command.name}.log"
        self._folder = folder
        self._console = console
        self._on_start = on_start
        self._log = _log_file(self.log_path)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self.has_settled = False
        self.ready = asyncio.Event()
        """Set once the process, if it is a worker's, has said that it is ready."""
        self._last_line = ""

    @property
    def name(self) -> str:
        """The name that users see."""
        return self.command.name

    @property
    def is_running(self) -> bool:
        """True if it has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def keep(self) -> None:
        """
        Run the process until `stop`. Raises `GaveUp` after several quick deaths in a row.

        Until ``has_settled`` is set the first is enough: one that does not start has no reason to do so the next time.
        """
        quick_deaths = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            exit_code = await self.run()
            if self._stopping.is_set():
                return
            quick_deaths = quick_deaths + 1 if time.monotonic() - began < QUICK_DEATH_SECONDS else 1
            if not self.has_settled or quick_deaths >= MAX_QUICK_DEATHS:
                raise GaveUp(self._obituary(exit_code, quick_deaths))
            pause = min(0.5 * 2**quick_deaths, MAX_PAUSE_SECONDS)
            self._console.say(
                self.name, f"Ended ({exit_in_words(exit_code)}); starting it again in {pause:.0f} s.", Level.WARNING
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def run_to_end(self) -> None:
        """Run a process that ends on its own. Raises `GaveUp` if it fails."""
        exit_code = await self.run()
        if exit_code != 0 and not self._stopping.is_set():
            raise GaveUp(self._obituary(exit_code, 1))

    def _obituary(self, exit_code: int, times: int) -> str:
        often = f" {times} times" if times > 1 else ""
        said = f" Its last words: {self._last_line}" if self._last_line else ""
        return f"{self.name} ended{often} ({exit_in_words(exit_code)}).{said} Its log: {self.log_path}"

    async def run(self) -> int:
        """Run the process once and return its exit code, negative for a signal."""
        self._process = await asyncio.create_subprocess_exec(
            *self.command.arguments,
            env=dict(self.command.environment),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            limit=LINE_BYTES,
            start_new_session=True,  # Ctrl-C reaches us alone: we stop the processes in order
            preexec_fn=end_with_parent,
        )
        self._on_start(self._process.pid)
        if self._stopping.is_set():  # while it was being started: `stop` and `kill` saw its predecessor
            self._kill_group()
        listening = asyncio.create_task(self._listen(self._process))
        exit_code = await self._process.wait()
        self._kill_group()
        with contextlib.suppress(TimeoutError):  # a grandchild may hold the pipe open
            async with asyncio.timeout(1.0):  # until Python 3.12, `wait_for` swallows a cancel that comes with the end
                await listening
        return exit_code

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the process: SIGTERM, and after *seconds* SIGKILL, for all that is in its process group."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            self._console.say(self.name, f"Did not stop within {seconds:.0f} s; killing it.", Level.WARNING)
        self._kill_group()
        await process.wait()

    def kill(self) -> None:
        """End the process and its group at once."""
        self._stopping.set()
        if self._process is not None and self._process.returncode is None:
            self._kill_group()

    def _kill_group(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        while True:
            try:
                raw = await process.stdout.readline()
            except ValueError:
                continue  # a line over LINE_BYTES: the reader has dropped it
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip()
            self._log.handle(logging.makeLogRecord({"msg": line}))
            self._last_line = line.strip() or self._last_line
            if READY in line:
                self.ready.set()
            shown_line = console_line(line)
            if shown_line is not None and not self._stopping.is_set():  # how it takes its end is for the log
                self._console.show(self.name, shown_line)


def exit_in_words(exit_code: int) -> str:
    """Return an exit code in readable form: ``exit code 1``, ``SIGKILL``."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def _log_file(path: Path) -> RotatingFileHandler:
    """Return a handler that appends lines to *path* as they are, and keeps the file from growing for ever."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
