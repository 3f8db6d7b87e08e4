"""
Benchmark of starting flow runs: our warm worker next to Prefect's process worker and ``flow.serve``, in one run.

On a real Prefect server with a simulated device (a lock held for as long as a recording would take)::

    python benchmarks/overhead.py [--runs 8] [--json FILE]

*created → running*: one run at a time on an idle pool. *idle*: time the device stands between two consecutive runs of
a queue, with two slots everywhere. *overhead per job*: time from one device hold to the next beyond the hold itself.
The device is held for 3 s a run, for ours also for 0.8 s, which is less than a run takes to start and to end.
"""

import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from measures import Measure, arguments_of, conclude
from processes import free_port, running

BENCHMARKS = Path(__file__).parent
SLOTS = 2
LONG_SECONDS, SHORT_SECONDS = 3.0, 0.8
LEAST_OVERHEAD_SECONDS = 0.001
"""Less than this cannot be told from none, and nothing is divided by it."""

OURS, OURS_SHORT, PROCESS, SERVE = "warm worker", "warm worker, short jobs", "process worker", "flow.serve"


@dataclass(frozen=True, slots=True)
class Overhead:
    """Measurements of one kind of worker, in seconds; medians."""

    created_to_running: float
    device_idle: float
    overhead_per_job: float


class Measured:
    """One kind of worker with its deployment, and the log its simulated device writes."""

    def __init__(self, deployment_id: UUID, log: Path) -> None:
        self._deployment_id = deployment_id
        self._log = log

    def _noted(self, event: str) -> list[float]:
        if not self._log.exists():
            return []
        notes = map(json.loads, self._log.read_text(encoding="utf-8").splitlines())
        return [note["at"] for note in notes if note["event"] == event]

    async def _create(self, device_seconds: float) -> float:
        """Create a run and return when Prefect was asked to."""
        from prefect.client.orchestration import get_client

        async with get_client() as client:
            asked_at = time.time()
            await client.create_flow_run_from_deployment(
                self._deployment_id, parameters={"log": str(self._log), "device_seconds": device_seconds}
            )
        return asked_at

    async def _until(self, event: str, count: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while len(self._noted(event)) < count:
            if time.monotonic() > deadline:
                msg = f"{len(self._noted(event))} of {count} runs were {event} within {seconds:.0f} s"
                raise TimeoutError(msg)
            await asyncio.sleep(0.02)

    async def measure(self, runs: int, device_seconds: float = LONG_SECONDS) -> Overhead:
        """Start single runs on the idle pool, then queue as many at once."""
        self._log.unlink(missing_ok=True)
        waits = []
        for number in range(runs + 1):
            created = await self._create(0.0)
            await self._until("free", number + 1, 120)
            waits.append(self._noted("running")[number] - created)
            await asyncio.sleep(1.5)  # the pool is idle again: the run has reported its end
        self._log.unlink()
        for _ in range(runs):
            await self._create(device_seconds)
        await self._until("free", runs, 120 + runs * (device_seconds + 20))
        taken, free = self._noted("taken"), self._noted("free")
        gaps = [begin - end for end, begin in zip(free, taken[1:], strict=False)]
        period = (taken[-1] - taken[0]) / (runs - 1)
        return Overhead(
            created_to_running=statistics.median(waits[1:]),  # the first one still warms up
            device_idle=statistics.median(gaps),
            overhead_per_job=period - device_seconds,
        )


async def deploy(name: str, pool_type: str) -> UUID:
    """Make a pool of the type and a deployment of the simulated recording on it."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.base import BaseWorker
    from prefect.workers.process import ProcessWorker
    from simulated_recording import simulated_recording

    from deployments.worker.worker import WarmWorker

    worker: type[BaseWorker] = WarmWorker if pool_type == "warm" else ProcessWorker  # type: ignore[type-arg]  # any
    template = worker.get_default_base_job_template()
    async with get_client() as client:
        pool = WorkPoolCreate(name=name, type=pool_type, base_job_template=template, concurrency_limit=SLOTS)
        await client.create_work_pool(pool)
        flow_id = await client.create_flow(simulated_recording)
        return await client.create_deployment(
            flow_id,
            name=name,
            work_pool_name=name,
            entrypoint="simulated_recording.simulated_recording",
            path=str(BENCHMARKS),
            enforce_parameter_schema=False,
        )


async def measure_all(folder: Path, runs: int) -> dict[str, Overhead]:
    """Measure the three kinds, one after the other on the same server."""
    from prefect.client.orchestration import get_client

    python, environment = sys.executable, dict(os.environ)
    start = [python, "-m", "prefect", "worker", "start", "--type", "process", "--pool", "process"]
    serve = f"from simulated_recording import simulated_recording as f; f.serve(name='serve', limit={SLOTS})"
    results = {}
    warm = Measured(await deploy("warm", "warm"), folder / "warm.jsonl")
    slots = {"BATCHSCRIBE_WARM_CHILDREN": "1", "BATCHSCRIBE_WARM_SLOTS": str(SLOTS)}
    with running([python, "-m", "deployments.worker", "warm"], folder, "warm", environment | slots):
        results[OURS] = await warm.measure(runs)
        results[OURS_SHORT] = await warm.measure(runs, SHORT_SECONDS)
    process = Measured(await deploy("process", "process"), folder / "process.jsonl")
    with running([*start, "--limit", str(SLOTS)], folder, "process", environment):
        results[PROCESS] = await process.measure(runs)
    with running([python, "-c", serve], folder, "serve", environment):
        async with get_client() as client:
            deployment = None
            while deployment is None:
                with contextlib.suppress(Exception):  # not served yet
                    deployment = await client.read_deployment_by_name("simulated-recording/serve")
                await asyncio.sleep(0.2)
        results[SERVE] = await Measured(deployment.id, folder / "serve.jsonl").measure(runs)
    return results


def report(results: dict[str, Overhead]) -> dict[str, Measure]:
    """Print the table with ratios, and return the measures."""
    least = max(results[OURS].overhead_per_job, LEAST_OVERHEAD_SECONDS)
    print(f"{'':26} created → running   device idle   overhead per job   ÷ ours")
    for kind, measured in results.items():
        print(
            f"{kind:26} {measured.created_to_running:15.2f} s {measured.device_idle:11.3f} s "
            f"{measured.overhead_per_job:16.3f} s {measured.overhead_per_job / least:8.1f}"
        )
    return {
        "created to running, s": Measure(results[OURS].created_to_running, 0.6),
        f"device idle, {LONG_SECONDS:g} s jobs, s": Measure(results[OURS].device_idle, 0.05),
        f"device idle, {SHORT_SECONDS:g} s jobs, s": Measure(results[OURS_SHORT].device_idle, 0.2),
        "process worker's overhead / ours": Measure(results[PROCESS].overhead_per_job / least, 5, at_least=True),
    }


def main() -> None:
    """Start a server, measure, print; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--runs", type=int, default=8)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        folder, port = Path(home), free_port()
        os.environ |= {
            "PREFECT_HOME": home,
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "PREFECT_LOGGING_LEVEL": "WARNING",
            "PYTHONPATH": str(BENCHMARKS),
        }
        command = [sys.executable, "-m", "deployments.local.prefect_server", str(port)]
        with running(command, folder, "server", dict(os.environ)):
            from deployments.worker.waiting import wait_for_server

            async def measured() -> dict[str, Overhead]:
                await wait_for_server(warn=print)
                return await measure_all(folder, chosen.runs)

            results = asyncio.run(measured())
    measures = report(results)
    print(f"\nload of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    conclude(measures, chosen.json)


if __name__ == "__main__":
    main()
