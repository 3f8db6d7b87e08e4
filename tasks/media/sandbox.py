"""
Run a program confined: limited time, memory and file size, an empty environment, and never alive without us.

The program is the leader of a process group of its own, which is killed as a whole on time-out, when the run it works
for is cancelled, and when the caller is interrupted by any exception. If this process is killed with SIGKILL, Linux
kills the program with it; macOS has no equivalent, so there the limit on processor time ends what is left.

RLIMIT_NPROC is not used: it counts all processes and threads of the user, so a limit that binds one conversion would
stop its neighbours. The address space (RLIMIT_AS) bounds the threads too.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from tasks.cancellation import current_token
from tasks.media.plan import ProcessLimits

LAUNCHER = Path(__file__).with_name("rlimit_exec.py")
MAX_LINE_BYTES = 4096
SECONDS_TO_EXIT = 10.0
"""Time for a program to exit after it has closed its standard error."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a program: its exit code, or the negative number of the signal that ended it."""

    code: int
    timed_out: bool


def run_confined(
    command: Sequence[str], *, folder: Path, limits: ProcessLimits, read: Callable[[Iterable[str]], T]
) -> tuple[Exit, T]:
    """
    Run *command* in *folder* and return how it ended with what *read* makes of its standard error.

    *read* gets the lines while the program runs, the first `MAX_LINE_BYTES` of each, and takes all of them: nothing is
    kept here, however much the program writes. Standard output goes nowhere. The first word is the program's path.
    Raises `RunCancelled` if the run that it is done for is cancelled.
    """
    token = current_token()
    token.raise_if_cancelled()
    process = subprocess.Popen(
        [*_launcher(limits), *command],
        cwd=folder,
        env={"LC_ALL": "C", "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    overdue = threading.Event()
    timer = threading.Timer(limits.timeout_seconds, _end_overdue, args=(process, overdue))
    timer.daemon = True
    timer.start()
    try:
        if process.stderr is None:
            msg = "The pipe of a process that was started with one is missing."
            raise RuntimeError(msg)
        with process.stderr, token.calling(partial(_end, process)):
            outcome = read(_lines(process.stderr))
        code = process.wait(SECONDS_TO_EXIT)
        token.raise_if_cancelled()
    except subprocess.TimeoutExpired:
        overdue.set()
        code = -signal.SIGKILL
    finally:
        timer.cancel()
        if process.returncode is None:
            _kill_group(process.pid)
            process.wait()
    return Exit(code, timed_out=overdue.is_set()), outcome


def _launcher(limits: ProcessLimits) -> list[str]:
    numbers = (os.getpid(), limits.cpu_seconds, limits.memory_bytes, limits.file_bytes)
    return [sys.executable, "-I", "-S", str(LAUNCHER), *map(str, numbers)]


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield the beginning of each line. What follows in a long one is the media's, and must not look like a line."""
    begins = True
    while piece := stream.readline(MAX_LINE_BYTES):
        if begins:
            yield piece.decode(errors="replace").rstrip("\n")
        begins = piece.endswith(b"\n")


def _end_overdue(process: "subprocess.Popen[bytes]", overdue: threading.Event) -> None:
    """End an overdue process; called in the timer's thread."""
    if process.returncode is None:
        overdue.set()
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process, from another thread. One that was waited for is gone, and its id may be another's."""
    if process.returncode is None:
        _kill_group(process.pid)


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it ended meanwhile; macOS says EPERM for a zombie's group
        os.killpg(leader, signal.SIGKILL)
