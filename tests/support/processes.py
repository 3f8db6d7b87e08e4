"""Ports and processes of this machine."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def processes_with(variable: str) -> dict[int, str]:
    """Return the processes that have *variable* in their environment, by id, with their command lines."""
    if sys.platform != "linux":
        listing = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
        fields = (line.split(maxsplit=1) for line in listing.stdout.splitlines())
        return {int(pid): command for pid, command in fields if f" {variable} " in f"{command} "}
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # ended, or another user's
    return found


def programs_with(variable: str, command: str) -> list[int]:
    """Return the ids of the processes that have *variable* in their environment and *command* in their command lines.

    A process that one of them is about to start has its command line for a moment; it is left out.
    """
    lines = {pid: line for pid, line in processes_with(variable).items() if command in line}
    return [pid for pid, line in lines.items() if lines.get(_parent_of(pid)) != line]


def children_of(*pids: int) -> list[int]:
    """Return the ids of the processes that these ones started and that have not ended."""
    running = (int(process.name) for process in Path("/proc").glob("[0-9]*"))
    return [pid for pid in running if _parent_of(pid) in pids]


def is_running(pid: int) -> bool:
    """Return whether the process has not ended."""
    return _parent_of(pid) is not None


def _parent_of(pid: int) -> int | None:
    """Return the id of the process that started it; None if it has ended."""
    if sys.platform != "linux":
        listing = subprocess.run(
            ["ps", "-o", "stat=,ppid=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        state, parent = listing.stdout.split() or ("Z", "")
    else:
        try:
            state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            return None
    return None if state.startswith("Z") else int(parent)


def kill(pids: list[int]) -> None:
    """Kill the processes; fail if there are none."""
    assert pids
    send(signal.SIGKILL, pids)


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """Stop the processes, as a machine without memory would, and let them go on at the end of the block."""
    assert pids
    send(signal.SIGSTOP, pids)
    try:
        yield
    finally:
        send(signal.SIGCONT, pids)


def send(number: int, pids: list[int]) -> None:
    """Send a signal to those of the processes that have not ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
