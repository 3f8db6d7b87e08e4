"""Flows that behave well and badly, for the tests of the warm worker. Imported by its child, not by the tests."""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

from prefect import flow, get_run_logger, runtime, task
from prefect.states import Cancelled

from tasks.cancellation import RunCancelled, current_token
from tasks.devices import Device
from tasks.options import TranscriptionOptions
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.transcribe import transcribe


@task
async def remember(number: int) -> int:
    get_run_logger().info("task of %d", number)
    await asyncio.sleep(0.2)
    return number


@flow(persist_result=True)
async def isolated(number: int) -> dict[str, object]:
    logger = get_run_logger()
    seen = []
    for step in range(3):
        logger.info("line %d of %d", step, number)
        seen.append(await remember(number))
    in_thread = await asyncio.to_thread(lambda: runtime.flow_run.get_parameters()["number"])
    return {"seen": seen, "in_thread": in_thread, "run": runtime.flow_run.get_id(), "pid": os.getpid()}


@flow
async def polite(seconds: float) -> object:
    """Works in a thread and stops when asked to."""
    token = current_token()

    def work() -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            token.raise_if_cancelled()
            time.sleep(0.02)

    try:
        await asyncio.to_thread(work)
    except RunCancelled:
        return Cancelled(message="stopped when asked")
    return None


@flow
async def counted(log: str, end: str) -> None:
    """Writes down that it was started, and works until a file appears."""
    with Path(log).open("a") as file:
        file.write("started\n")
    while not Path(end).exists():
        await asyncio.sleep(0.05)


@flow
async def stubborn(seconds: float) -> None:
    """Does not heed a cancel."""
    await asyncio.to_thread(time.sleep, seconds)


@flow
async def returns_although_cancelled(seconds: float) -> None:
    """Ends by itself, a moment after a cancel, as if nothing had been said."""
    token = current_token()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not token.cancelled:
        await asyncio.sleep(0.02)


@flow
async def poisonous() -> None:
    """Takes its process with it."""
    await asyncio.sleep(0.2)
    os.kill(os.getpid(), signal.SIGKILL)


@flow
async def deadly_once(marker: str) -> None:
    """Takes its process with it at the first attempt only."""
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)


@flow
async def frozen(marker: str) -> None:
    """Blocks the process's loop at the first attempt, as a hung driver call would."""
    if not Path(marker).exists():
        Path(marker).touch()
        time.sleep(600)


@flow(persist_result=True)
async def process_facts() -> dict[str, object]:
    status = Path("/proc/self/status").read_text().splitlines()
    caught = int(next(line.split()[1] for line in status if line.startswith("SigCgt")), 16)
    return {
        "pid": os.getpid(),
        "loop_in_main_thread": threading.current_thread() is threading.main_thread(),
        "sigterm_handler": bool(caught >> (signal.SIGTERM - 1) & 1),
        "threads": threading.active_count(),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "memory_kib": int(next(line.split()[1] for line in status if line.startswith("VmRSS"))),
    }


@flow
def not_async() -> None:
    """Would block its neighbours."""


@flow(log_prints=True)
async def prints() -> None:
    """Would log its neighbours' prints."""


@flow(persist_result=True)
async def listens(models: str, audio: str) -> str:
    """Has the engine of its process listen."""
    device = Device(name="cpu:0", kind="cpu", cpu_threads=2)
    transcript = await asyncio.to_thread(
        lambda: transcribe(
            PlacedModel(device, "base", Path(models)),
            Path(audio),
            TranscriptionOptions(language="en"),
            name=audio,
            on_progress=lambda _: None,
            cancelled=lambda: False,
        )
    )
    return transcript.text


def warm_up_once_let() -> None:
    """A warm-up that takes as long as a file is there."""
    while Path(os.environ["WARM_UP_HELD_BY"]).exists():
        time.sleep(0.05)


def warm_up_in_vain() -> None:
    """A warm-up that fails as long as a file is there, for want of memory for instance."""
    if Path(os.environ["WARM_UP_FAILS_BY"]).exists():
        msg = "there is no memory left"
        raise MemoryError(msg)
