"""
A flow that takes a device for as long as a recording would, without a model: overhead.py measures with it.

The device is a lock in a file, so that it is one device however many processes share it. Each hold is noted with its
start and end, and so are the moments at which runs begin.
"""

import asyncio
import fcntl
import json
import time
from pathlib import Path

from prefect import flow


def _note(log: str, **facts: object) -> None:
    with Path(log).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"at": time.time(), **facts}) + "\n")


def _hold(log: str, seconds: float) -> None:
    with Path(f"{log}.device").open("w", encoding="utf-8") as device:
        fcntl.flock(device, fcntl.LOCK_EX)
        _note(log, event="taken")
        time.sleep(seconds)
        _note(log, event="free")


@flow
async def simulated_recording(log: str, device_seconds: float, around_seconds: float = 0.2) -> None:
    """Fetch for *around_seconds*, hold the device for *device_seconds*, publish for *around_seconds*."""
    _note(log, event="running")
    await asyncio.sleep(around_seconds)
    await asyncio.to_thread(_hold, log, device_seconds)
    await asyncio.sleep(around_seconds)
