"""
Benchmark of the cost of a job in a batch of 1,000 and in one of 100, and how soon a batch's first job starts.

The real stack (server, batch run, warm workers, dashboard, in a folder of its own) with simulated devices: the model
is replaced by a lock that is held for as long as a recording would take, all else is real. The recordings of the two
batches are in the store already, so nothing is converted; the starts convert a short file each. Linux only::

    python benchmarks/scale.py [--jobs 100 1000] [--device-seconds 0.5] [--json FILE]

*beyond device*: time per job, less that in which all devices were held. *viewer*: the dashboard's share of a core
while the batch is read once a second.
"""

import asyncio
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from measures import Measure, arguments_of, conclude
from processes import cpu_seconds, peak_memory_mb
from real_stack import RealStack, running_stack
from simulated_batch import fill

DEVICES = 2
SHORT_FILE = Path(__file__).parents[1] / "tests" / "speech" / "lecture-welcome.mp3"
STARTS = 5
VIEWER_SECONDS = 20
PATIENCE_SECONDS_PER_JOB = 30.0
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


@dataclass(frozen=True, slots=True)
class BatchCost:
    """The cost of a batch. CPU seconds per job unless said."""

    jobs: int
    beyond_device_seconds: float
    server: float
    batch_run: float
    workers: float
    batch_run_peak_mb: float
    device_idle_seconds: float
    viewer_core_share: float

    @property
    def cpu(self) -> float:
        """CPU seconds per job of all processes that have to do with its run."""
        return self.server + self.batch_run + self.workers


@dataclass(frozen=True, slots=True)
class _Meter:
    """CPU seconds so far."""

    server: float
    batch_run: float
    workers: float

    @classmethod
    def read(cls, stack: RealStack) -> "_Meter":
        workers = sum(map(cpu_seconds, stack.device_workers))
        return cls(cpu_seconds(stack.server), cpu_seconds(stack.cpu_worker), workers)


async def measure_batch(stack: RealStack, jobs: int, device_seconds: float) -> BatchCost:
    """Run a batch of *jobs* to its end."""
    from tasks.storage.open_store import open_store

    batch_id = (await stack.api.post("/batch", json={"name": f"{jobs} jobs"})).json()["batch_id"]
    store = open_store(stack.settings)
    await asyncio.to_thread(fill, store, batch_id, jobs=jobs, device_seconds=device_seconds)
    held_before = [len(stack.holds(device)) for device in range(DEVICES)]
    before, began = _Meter.read(stack), time.time()
    run_id = (await stack.api.post(f"/batch/{batch_id}/start")).json()["flow_run_id"]
    viewer = asyncio.create_task(_view_in_the_middle(stack, batch_id, held_before, jobs))
    state = await _ended(stack, run_id, jobs)
    ended, after = time.time(), _Meter.read(stack)
    if state != "COMPLETED":
        msg = f"The batch of {jobs} jobs ended {state}. Look into the logs in {stack.settings.data}"
        raise RuntimeError(msg)
    holds = [stack.holds(device)[known:] for device, known in enumerate(held_before)]
    held_seconds = sum(end - begin for device in holds for begin, end in device)
    idle = [begin - end for device in holds for (_, end), (begin, _) in pairwise(device)]
    return BatchCost(
        jobs=jobs,
        beyond_device_seconds=(ended - began - held_seconds / DEVICES) / jobs,
        server=(after.server - before.server) / jobs,
        batch_run=(after.batch_run - before.batch_run) / jobs,
        workers=(after.workers - before.workers) / jobs,
        batch_run_peak_mb=max(map(peak_memory_mb, stack.batch_processes)),
        device_idle_seconds=statistics.median(idle),
        viewer_core_share=await viewer,
    )


async def _ended(stack: RealStack, run_id: str, jobs: int) -> str:
    """Return the state type in which the run ended."""
    deadline = time.monotonic() + 120 + jobs * PATIENCE_SECONDS_PER_JOB
    while time.monotonic() < deadline:
        answer = await stack.prefect.get(f"/flow_runs/{run_id}")
        if answer.is_success and (state := answer.json()["state_type"]) in ENDED:  # a busy server may answer 503
            return str(state)
        await asyncio.sleep(0.5)
    msg = f"The batch of {jobs} jobs did not end. Look into the logs in {stack.settings.data}"
    raise TimeoutError(msg)


async def _view_in_the_middle(stack: RealStack, batch_id: str, held_before: list[int], jobs: int) -> float:
    """Read the half-done batch once a second for a while, and return the dashboard's share of a core."""
    while sum(len(stack.holds(device)) for device in range(DEVICES)) - sum(held_before) < jobs / 2:  # noqa: ASYNC110 - it waits for other processes
        await asyncio.sleep(0.5)
    await stack.api.get(f"/batch/{batch_id}")  # the first look reads all, later ones what is new
    before, began = cpu_seconds(stack.dashboard), time.monotonic()
    for second in range(VIEWER_SECONDS):
        await asyncio.sleep(max(0.0, began + second - time.monotonic()))
        (await stack.api.get(f"/batch/{batch_id}")).raise_for_status()
    return (cpu_seconds(stack.dashboard) - before) / (time.monotonic() - began)


async def measure_start(stack: RealStack) -> float:
    """Return the time from the request to start a batch with one short file until its child runs."""
    batch_id = (await stack.api.post("/batch", json={"name": "short"})).json()["batch_id"]
    upload = {"batch_id": batch_id, "path": SHORT_FILE.name}
    (await stack.api.post("/upload", params=upload, content=SHORT_FILE.read_bytes())).raise_for_status()
    asked_at = time.time()
    run_id = (await stack.api.post(f"/batch/{batch_id}/start")).json()["flow_run_id"]
    await _ended(stack, run_id, jobs=1)
    wanted = {"flow_runs": {"tags": {"all_": [f"batch:{batch_id}"]}}}
    runs: list[dict[str, Any]] = (await stack.prefect.post("/flow_runs/filter", json=wanted)).json()
    (child,) = (run for run in runs if run["id"] != run_id)
    return datetime.fromisoformat(child["start_time"]).timestamp() - asked_at


async def measure_all(folder: Path, jobs: list[int], device_seconds: float) -> tuple[list[float], list[BatchCost]]:
    """Return the starts, and the costs of batches of *jobs*, on one stack."""
    async with running_stack(folder, DEVICES) as stack:
        starts = [await measure_start(stack) for _ in range(STARTS + 1)][1:]  # the first one still warms up
        return starts, [await measure_batch(stack, number, device_seconds) for number in jobs]


def print_table(starts: list[float], costs: list[BatchCost]) -> None:
    """Print a column for each batch and the ratio of the last to the first."""
    print(f"start of a batch → first child running: {', '.join(f'{start:.2f}' for start in sorted(starts))} s\n")
    print(f"{'per job':36}{''.join(f'{cost.jobs:>12,} jobs' for cost in costs)}{'ratio':>10}")
    rows = {
        "time beyond device, s": [cost.beyond_device_seconds for cost in costs],
        "CPU, s": [cost.cpu for cost in costs],
        "  server": [cost.server for cost in costs],
        "  batch run and its worker": [cost.batch_run for cost in costs],
        "  device workers": [cost.workers for cost in costs],
        "batch run, peak memory, MB in all": [cost.batch_run_peak_mb for cost in costs],
        "device idle, median, s": [cost.device_idle_seconds for cost in costs],
        "viewer, share of a core": [cost.viewer_core_share for cost in costs],
    }
    for name, values in rows.items():
        print(f"{name:36}{''.join(f'{value:17.3f}' for value in values)}{values[-1] / values[0]:10.2f}")


def main() -> None:
    """Measure, print, write the file if asked to; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 1000], help="jobs of each batch")
    parser.add_argument("--device-seconds", type=float, default=0.5, help="median of what a recording takes")
    parser.add_argument("--folder", type=Path, help="where to work, to look into the logs afterwards")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = chosen.folder or Path(temporary)
        starts, costs = asyncio.run(measure_all(folder, chosen.jobs, chosen.device_seconds))
    print_table(starts, costs)
    print(f"\nload of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    small, large = costs[0], costs[-1]
    conclude(
        {
            "start of a batch to first child running, s": Measure(statistics.median(starts), 3.0),
            "CPU per job, large batch / small": Measure(large.cpu / small.cpu, 1.2),
            "time beyond device per job, large batch / small": Measure(
                large.beyond_device_seconds / small.beyond_device_seconds, 1.2
            ),
            "viewer of the large batch, share of a core": Measure(large.viewer_core_share, 0.1),
        },
        chosen.json,
    )


if __name__ == "__main__":
    main()
