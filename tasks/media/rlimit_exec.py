"""
Limit this process, then become another program: ``python -I -S rlimit_exec.py PARENT CPU MEMORY FILE PROGRAM …``.

`tasks.media.sandbox` starts it. Setting the limits between fork and exec (`preexec_fn`) is not safe in a process with
threads, so a process of its own does it; it imports the standard library only and is gone after some 15 ms.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
"""From ``<linux/prctl.h>``."""

SECONDS_TO_END = 10
"""Processor time between the signal that asks to end (SIGXCPU) and the one that can't be ignored."""


def main(arguments: list[str]) -> None:
    """Set the limits and become the program. Each limit is a number; seconds or bytes."""
    parent, cpu_seconds, memory_bytes, file_bytes, *command = arguments
    die_with(int(parent))
    set_limit(resource.RLIMIT_CPU, int(cpu_seconds), int(cpu_seconds) + SECONDS_TO_END)
    set_limit(resource.RLIMIT_AS, int(memory_bytes), int(memory_bytes))
    set_limit(resource.RLIMIT_FSIZE, int(file_bytes), int(file_bytes))
    set_limit(resource.RLIMIT_CORE, 0, 0)
    os.execv(command[0], command)  # noqa: S606 - no shell is what is wanted


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends. Only Linux can."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), signal.SIGKILL)


def set_limit(limit: int, soft: int, hard: int) -> None:
    """Set *limit*, or keep a stricter one that is set already."""
    _, allowed = resource.getrlimit(limit)
    if allowed != resource.RLIM_INFINITY:
        soft, hard = min(soft, allowed), min(hard, allowed)
    with contextlib.suppress(ValueError, OSError):  # macOS refuses RLIMIT_AS; the other limits still hold
        resource.setrlimit(limit, (soft, hard))


if __name__ == "__main__":
    main(sys.argv[1:])
