"""Ports and processes of this machine."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
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


def children_of(pids: list[int]) -> list[int]:
    """Return the ids of the processes that these ones started."""
    tasks = (Path(f"/proc/{pid}/task/{pid}/children") for pid in pids)
    return [int(child) for task in tasks for child in task.read_text().split()]


def kill(pids: list[int]) -> None:
    """Kill the processes; fail if there are none."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
