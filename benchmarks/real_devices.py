"""
Benchmark of a small batch on the real stack with real recordings and a real model; what the simulator says of it.

Six recordings of two to five minutes, joined from the project's own clips, in one batch on two CPU devices: uploaded,
converted, transcribed by tiny.en, which has to be in ``data/models``. Prints how long both devices were inside the
model, makespan ÷ (device seconds ÷ 2), and the makespan that the simulator of small_batches.py gives for the same
lengths, arrivals, speeds and times around the model. Only ratios tell anything on a machine that does other things as
well. Linux only::

    python benchmarks/real_devices.py [--part 1.0] [--batches 2] [--json FILE]

``--part`` shortens the recordings. From the second batch on, devices have figures to go by.
"""

import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dispatchers import LeastBusy
from measures import Measure, arguments_of, conclude
from real_stack import RealStack, running_stack
from simulated_devices import MODEL, Around, Device, Job
from simulation import Simulation

from tasks.media.ffmpeg import ffmpeg_program
from tasks.orchestration.pool_speed import DEFAULT_REAL_TIME_FACTOR

PROJECT = Path(__file__).parents[1]
CLIPS = sorted((PROJECT / "tests" / "speech").glob("*.mp3"))
LENGTHS = (180.0, 241.0, 300.0, 140.0, 262.0, 205.0)
"""In the order of their upload; 22 minutes."""
DEVICES = 2
PATIENCE_SECONDS = 1800.0
ENDED = {"completed", "failed", "cancelled"}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was: when its recordings were there, and when each device was inside the model, in seconds."""

    arrivals: dict[float, float]
    """By the length of the recording."""
    ended_at: float
    uses: tuple[tuple[Span, ...], ...]
    before_model: float
    """Median time from a recording that found an idle device until the model had it."""

    @property
    def began_at(self) -> float:
        """Time at which the first recording was there."""
        return min(self.arrivals.values())

    @property
    def wall(self) -> float:
        """Seconds from the first recording on."""
        return self.ended_at - self.began_at

    @property
    def device_seconds(self) -> list[float]:
        """Time that each device was inside the model."""
        return [sum(span.end - span.begin for span in spans) for spans in self.uses]


def make_recording(path: Path, seconds: float, *, first: int) -> None:
    """Write so many seconds of the clips, joined, beginning with another one each time."""
    clips = [CLIPS[(first + number) % len(CLIPS)] for number in range(len(CLIPS))]
    listed = path.with_suffix(".txt")
    listed.write_text("".join(f"file '{clip}'\n" for clip in clips * 100), encoding="utf-8")
    command = [ffmpeg_program(), "-v", "error", "-f", "concat", "-safe", "0", "-i", str(listed), "-t", str(seconds)]
    subprocess.run([*command, "-ac", "1", "-ar", "16000", str(path)], check=True)


def merged(spans: list[Span]) -> tuple[Span, ...]:
    """Return the stretches in which there was at least one of *spans*."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: span.begin):
        if found and span.begin <= found[-1].end:
            found[-1] = Span(found[-1].begin, max(span.end, found[-1].end))
        else:
            found.append(span)
    return tuple(found)


async def run_batch(stack: RealStack, files: dict[float, Path], number: int) -> Batch:
    """Run a batch of the files to its end."""
    batch_id = (await stack.api.post("/batch", json={"name": f"small {number}"})).json()["batch_id"]
    for path in files.values():
        given = {"batch_id": batch_id, "path": path.name}
        (await stack.api.post("/upload", params=given, content=path.read_bytes())).raise_for_status()
    known = [len(stack.holds(device)) for device in range(DEVICES)]
    (await stack.api.post(f"/batch/{batch_id}/start")).raise_for_status()
    deadline = time.monotonic() + PATIENCE_SECONDS
    status = {"state": ""}
    while status["state"] not in ENDED and time.monotonic() < deadline:
        await asyncio.sleep(1)
        status = (await stack.api.get(f"/batch/{batch_id}")).json()
    if status["state"] != "completed":
        msg = f"The batch is {status['state']}. Look into the logs in {stack.settings.data}"
        raise RuntimeError(msg)
    jobs = {job["path"]: job for job in status["jobs"]}
    holds = [[Span(*hold) for hold in stack.holds(device)[seen:]] for device, seen in enumerate(known)]
    arrivals = {
        seconds: _written_at(stack.settings.data, f"{jobs[path.name]['job_id']}.json")
        for seconds, path in files.items()
    }
    ended_at = max(_seconds_of(job["ended_at"]) for job in jobs.values())
    begun = sorted(span.begin for spans in holds for span in spans)[:DEVICES]
    before = [begin - arrival for begin, arrival in zip(begun, sorted(arrivals.values()), strict=False)]
    return Batch(arrivals, ended_at, tuple(map(merged, holds)), statistics.median(before))


def _written_at(folder: Path, name: str) -> float:
    (record,) = folder.rglob(f"recordings/{name}")
    return record.stat().st_mtime


def _seconds_of(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def simulated_wall(batch: Batch) -> float:
    """Return the makespan that the simulator gives for a batch with these arrivals, on devices as fast as they were."""
    speed = sum(batch.arrivals) / sum(batch.device_seconds)
    last_use = max(span.end for spans in batch.uses for span in spans)
    around = Around(begin_seconds=batch.before_model, end_seconds=batch.ended_at - last_use)
    devices = [Device(f"gpu-{number}", speed, around, title="CPU") for number in range(DEVICES)]
    jobs = [
        Job(f"{number}", "batch", seconds, MODEL, work_seconds=seconds, arrives_at=arrival - batch.began_at)
        for number, (seconds, arrival) in enumerate(sorted(batch.arrivals.items(), key=lambda item: item[1]))
    ]
    return Simulation(jobs, devices, LeastBusy(DEFAULT_REAL_TIME_FACTOR)).run(give_up_at=PATIENCE_SECONDS)


async def measure(folder: Path, part: float, batches: int) -> list[Batch]:
    """Run the stack and the batches on it, one after the other."""
    os.environ["BATCHSCRIBE_MODEL"] = "tiny.en"
    data = folder / "data"
    data.mkdir()
    (data / "models").symlink_to(PROJECT / "data" / "models")
    files = {}
    for number, seconds in enumerate(LENGTHS):
        files[seconds * part] = folder / f"talk {number}.mp3"
        make_recording(files[seconds * part], seconds * part, first=number)
    async with running_stack(data, DEVICES, engine="measured_engine", warm_up="measured_engine:warm_up") as stack:
        return [await run_batch(stack, files, number) for number in range(batches)]


def report(batches: list[Batch]) -> dict[str, Measure]:
    """Print a line for each batch, and return the measures of the last one."""
    print(f"{'':10}{'makespan':>10}{'÷ (device s ÷ 2)':>18}{'inside the model':>18}{'simulated ÷ real':>18}")
    for number, batch in enumerate(batches):
        held = sum(batch.device_seconds)
        ratio, inside = batch.wall / (held / DEVICES), held / DEVICES / batch.wall
        predicted = simulated_wall(batch) / batch.wall
        print(f"batch {number + 1:<4}{batch.wall:8.1f} s{ratio:18.3f}{inside:18.3f}{predicted:18.3f}")
        for device, spans in enumerate(batch.uses):
            times = (f"{span.begin - batch.began_at:.0f}-{span.end - batch.began_at:.0f}" for span in spans)
            print(f"          gpu-{device} inside the model: {', '.join(times)} s")
    return {
        "makespan / (device seconds / 2)": Measure(ratio, 1.08),
        "inside the model, share of the wall": Measure(inside, 0.92, at_least=True),
        "simulated / real makespan, off by": Measure(abs(predicted - 1), 0.05),
    }


def main() -> None:
    """Measure, print; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--part", type=float, default=1.0)
    parser.add_argument("--batches", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        measures = report(asyncio.run(measure(Path(folder), chosen.part, chosen.batches)))
    print(f"\nload of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    conclude(measures, chosen.json)


if __name__ == "__main__":
    main()
