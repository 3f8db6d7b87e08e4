"""
Benchmark of open batches: their cost while they wait, and how soon new ones begin next to a long one.

The real stack with simulated devices, which one job each holds for the whole time. Linux only::

    python benchmarks/open_batches.py [--open 1 10 50] [--seconds 60] [--json FILE]

*server*: CPU seconds of Prefect's server a minute; *batch runs*: those of the batches' worker and its processes.
*memory*: proportional set size of the processes of the batch runs. *begins*: from the request to start a batch to its
first conversion, for five batches that are started at the same time while the others are open. *back*: until all of
them run again after all processes of the batch runs were killed, then each in a process of its own.
"""

import asyncio
import os
import signal
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from measures import Measure, arguments_of, conclude
from processes import children, cpu_seconds
from real_stack import RealStack, running_stack
from simulated_batch import fill

DEVICES = 2
JOBS = 4
FOR_EVER_SECONDS = 3600.0
NEWCOMERS = 5
PATIENCE_SECONDS = 120.0
SHORT_FILE = Path(__file__).parents[1] / "tests" / "speech" / "lecture-welcome.mp3"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of so many open batches: CPU seconds a minute, MB, seconds until each newcomer begins."""

    open_batches: int
    server: float
    batch_runs: float
    memory_mb: float
    begins: tuple[float, ...]
    back_seconds: float
    memory_after_crash_mb: float


async def measure(folder: Path, open_batches: int, seconds: float) -> Cost:
    """Open so many batches on a stack of their own and let them wait."""
    async with running_stack(folder, DEVICES) as stack:
        runs = [await _open_batch(stack, number) for number in range(open_batches)]
        await _until_running(stack, runs, run_count=1)
        await asyncio.sleep(20)  # the last ones still begin
        server, batch_runs, began = cpu_seconds(stack.server), cpu_seconds(stack.cpu_worker), time.monotonic()
        await asyncio.sleep(seconds)
        minutes = (time.monotonic() - began) / 60
        return Cost(
            open_batches,
            server=(cpu_seconds(stack.server) - server) / minutes,
            batch_runs=(cpu_seconds(stack.cpu_worker) - batch_runs) / minutes,
            memory_mb=_memory_mb(stack),
            begins=await _begin_newcomers(stack),
            back_seconds=await _crash(stack, runs),
            memory_after_crash_mb=_memory_mb(stack),
        )


async def _crash(stack: RealStack, runs: list[str]) -> float:
    """Kill the processes of the batch runs, and return after how long all of them run again."""
    killed_at = time.monotonic()
    for pid in children(stack.cpu_worker):
        os.kill(pid, signal.SIGKILL)
    await _until_running(stack, runs, run_count=2)
    return time.monotonic() - killed_at


async def _open_batch(stack: RealStack, number: int) -> str:
    from tasks.storage.open_store import open_store

    batch_id = (await stack.api.post("/batch", json={"name": f"open {number}"})).json()["batch_id"]
    store = open_store(stack.settings)
    await asyncio.to_thread(fill, store, batch_id, jobs=JOBS, device_seconds=FOR_EVER_SECONDS)
    return str((await stack.api.post(f"/batch/{batch_id}/start")).json()["flow_run_id"])


async def _until_running(stack: RealStack, runs: list[str], *, run_count: int) -> None:
    wanted = {"flow_runs": {"id": {"any_": runs}, "state": {"type": {"any_": ["RUNNING"]}}}}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = (await stack.prefect.post("/flow_runs/filter", json=wanted)).json()
        running = sum(run["run_count"] == run_count for run in found)
        if running == len(runs):
            return
        await asyncio.sleep(0.5)
    msg = f"{running} of {len(runs)} batches are running. Look into the logs in {stack.settings.data}"
    raise TimeoutError(msg)


async def _begin_newcomers(stack: RealStack) -> tuple[float, ...]:
    batches = []
    for number in range(NEWCOMERS):
        batch_id = (await stack.api.post("/batch", json={"name": f"newcomer {number}"})).json()["batch_id"]
        upload = {"batch_id": batch_id, "path": SHORT_FILE.name}
        (await stack.api.post("/upload", params=upload, content=SHORT_FILE.read_bytes())).raise_for_status()
        batches.append(batch_id)
    asked_at = time.monotonic()
    for batch_id in batches:
        (await stack.api.post(f"/batch/{batch_id}/start")).raise_for_status()
    begun: dict[str, float] = {}
    while len(begun) < NEWCOMERS and time.monotonic() - asked_at < PATIENCE_SECONDS:
        for batch_id in batches:
            if batch_id not in begun and _has_begun(stack, batch_id):
                begun[batch_id] = time.monotonic() - asked_at
        await asyncio.sleep(0.05)
    return tuple(begun.get(batch_id, float("inf")) for batch_id in batches)


def _has_begun(stack: RealStack, batch_id: str) -> bool:
    """Return whether a conversion of the batch works in its folder, or has put its recording into the store."""
    at_work = any((stack.settings.work_folder).glob(f"{batch_id}*/convert-*"))
    return at_work or any((stack.settings.data / "store" / "batches" / batch_id / "recordings").glob("*"))


def _memory_mb(stack: RealStack) -> float:
    return sum(map(_own_memory_mb, children(stack.cpu_worker)))


def _own_memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _measured(folder: Path, open_batches: int, seconds: float) -> Cost:
    return asyncio.run(measure(folder, open_batches, seconds))


def main() -> None:
    """Measure, print, write the file if asked to; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--open", type=int, nargs="+", default=[1, 10, 50], help="open batches")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each number of them is measured")
    parser.add_argument("--folder", type=Path, help="where to work, to look into the logs afterwards")
    chosen = parser.parse_args()
    costs = []
    os.environ["BATCHSCRIBE_OPEN_BATCHES"] = str(max(chosen.open) + NEWCOMERS)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        for count in chosen.open:
            folder = (chosen.folder or Path(temporary)) / str(count)
            folder.mkdir(parents=True)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:  # Prefect reads its address once
                costs.append(fresh.submit(_measured, folder, count, chosen.seconds).result())
            one = costs[-1]
            begins = ", ".join(f"{begin:.1f}" for begin in sorted(one.begins))
            print(
                f"{count:4} open: server {one.server:5.1f} s/min, batch runs {one.batch_runs:5.1f} s/min, "
                f"memory {one.memory_mb:5.0f} MB, newcomers begin after {begins} s, "
                f"back {one.back_seconds:.1f} s after a crash with {one.memory_after_crash_mb:.0f} MB",
                flush=True,
            )
    print(f"\nload of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    most = costs[-1]
    conclude(
        {
            "server, CPU share, most open batches": Measure(most.server / 60, 0.25),
            "five newcomers begin, slowest, s": Measure(max(most.begins), 10.0),
        },
        chosen.json,
    )


if __name__ == "__main__":
    main()
