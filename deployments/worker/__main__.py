"""
The process of one warm worker.

Start: ``python -m deployments.worker POOL``. It is a module of its own because Prefect imports the worker's under
its real name, by its entry point, and one that is also ``__main__`` would exist twice.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is imported: looking for garbage takes a tenth of that time, and finds none

import asyncio
import contextlib
import signal
import sys

import httpx
from prefect.client.orchestration import get_client

from deployments.worker.recovery import requeue_all
from deployments.worker.worker import WarmWorker

HAND_BACK_SECONDS = 15.0


async def serve(pool: str) -> None:
    """Work for *pool* until SIGTERM or SIGINT, then hand back the runs that are under way."""
    worker = WarmWorker(work_pool_name=pool, name=pool)
    working = asyncio.create_task(worker.start())
    stop = asyncio.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wanted, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        worker.drain()
        working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    if stop.is_set():
        await requeue(pool)


async def requeue(pool: str) -> None:
    """Hand back all runs that the worker held, now that it has stopped; the next start does whatever fails."""
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(HAND_BACK_SECONDS), get_client() as client:
            await requeue_all(client, pool, "The worker was stopped; handed back.")


def main() -> None:
    """Run the worker of the pool named on the command line."""
    gc.freeze()
    gc.enable()
    asyncio.run(serve(sys.argv[1]))


if __name__ == "__main__":
    main()
