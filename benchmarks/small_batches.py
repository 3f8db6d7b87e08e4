"""
Benchmark of batches of a few recordings, in which one wrong choice leaves a device idle for half of the batch.

Simulates batches of 6 to 24 recordings of two to five minutes on two and four equal devices. Uploads are converted one
after the other, so jobs arrive seconds apart; runs begin, prepare and publish beside the model; slots share it; and the
devices remember speeds of an hour ago that are right, or wrong by 2 between them (also where they have no name by which
they are known to be alike), or nothing. Prints the means and the worst of many drawn batches: makespan ÷ (total ÷
devices); makespan ÷ what is possible, which is the best of all assignments after the time in which devices wait for
their first recording; and the share of the time from the first arrival on for which devices were not inside the model::

    python benchmarks/small_batches.py [--json FILE]
"""

import itertools
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dispatchers import LeastBusy
from measures import Measure, arguments_of, conclude
from simulated_devices import MODEL, Around, Device, Job
from simulation import Simulation

from tasks.orchestration.pool_speed import DEFAULT_REAL_TIME_FACTOR

BATCHES = 40
SPEED = 10.0
"""Audio that a device transcribes in a second: what was measured on two cores, and makes a batch last a minute."""
AROUND = Around(begin_seconds=1.0, preparation_rtf=0.01, end_seconds=0.5)
SHORTEST_SECONDS, LONGEST_SECONDS = 120.0, 300.0
CONVERSION_RTF = 0.01
MOST_ASSIGNMENTS = 2**12
GIVE_UP_SECONDS = 10_000.0
GOAL = 1.05
GOAL_IDLE = 0.08
MANY_JOBS = 12
"""Jobs for each device, from which on neither the longest nor the first arrivals decide when all is done."""

RIGHT, WRONG, WRONG_ALONE, UNKNOWN = "right", "wrong by 2", "wrong by 2, no names", "unknown"


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of batch, and what devices remember of their speed."""

    jobs: int
    devices: int
    speeds: str

    def __str__(self) -> str:
        return f"{self.jobs} recordings, {self.devices} devices, speeds {self.speeds}"


CASES = [
    Case(jobs, devices, speeds)
    for jobs, devices in ((6, 2), (12, 2), (24, 2), (24, 4))
    for speeds in (RIGHT, WRONG, WRONG_ALONE, UNKNOWN)
]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one batch."""

    over_total: float
    over_possible: float
    idle_share: float


def make_devices(case: Case) -> list[Device]:
    """Return equal devices; where speeds are wrong, every second one remembers a speed of twice as much as others."""
    title = "" if case.speeds == WRONG_ALONE else "one kind"
    devices = [Device(f"gpu-{number}", SPEED, AROUND, title=title) for number in range(case.devices)]
    for number, device in enumerate(devices):
        if case.speeds != UNKNOWN:
            wrong = 2.0 if case.speeds != RIGHT and number % 2 == 0 else 1.0
            for earlier in range(10):
                device.remember(wrong / SPEED, audio_seconds=300.0, age_seconds=3600.0 + 100.0 * earlier)
    return devices


def make_jobs(case: Case, seed: int) -> list[Job]:
    """Return the jobs of a batch as their conversions end."""
    dice = random.Random(seed)  # noqa: S311 - a simulation wants the same dice again
    lengths = [dice.uniform(SHORTEST_SECONDS, LONGEST_SECONDS) for _ in range(case.jobs)]
    arrivals = list(itertools.accumulate(length * CONVERSION_RTF for length in lengths))
    return [
        Job(f"{number:02}", "batch", length, MODEL, work_seconds=length, arrives_at=arrival)
        for number, (length, arrival) in enumerate(zip(lengths, arrivals, strict=True))
    ]


def best_makespan(lengths: Sequence[float], devices: int) -> float:
    """Return the makespan of the best of all assignments; the mean load where there are too many to try."""
    if devices ** len(lengths) > MOST_ASSIGNMENTS:
        return max(sum(lengths) / devices, *lengths)
    assignments = itertools.product(range(devices), repeat=len(lengths))
    return min(
        max(
            sum(length for length, at in zip(lengths, assigned, strict=True) if at == device)
            for device in range(devices)
        )
        for assigned in assignments
    )


def simulate(case: Case, seed: int) -> Result:
    """Return the result of one batch of *case*."""
    jobs, devices = make_jobs(case, seed), make_devices(case)
    began = jobs[0].arrives_at
    wall = Simulation(jobs, devices, LeastBusy(DEFAULT_REAL_TIME_FACTOR)).run(give_up_at=GIVE_UP_SECONDS) - began
    seconds = [job.work_seconds / SPEED for job in jobs]
    first = jobs[: case.devices]
    waits = sum(job.arrives_at - began + AROUND.before_model(job) for job in first) / case.devices
    busy = sum(device.busy_seconds for device in devices)
    return Result(
        over_total=wall / (sum(seconds) / case.devices),
        over_possible=wall / (waits + best_makespan(seconds, case.devices) + AROUND.end_seconds),
        idle_share=1 - busy / (case.devices * wall),
    )


def simulate_all() -> Iterator[tuple[Case, list[Result]]]:
    """Yield the results of each case."""
    for case in CASES:
        yield case, [simulate(case, seed) for seed in range(BATCHES)]


def print_table(results: Iterator[tuple[Case, list[Result]]]) -> dict[str, Measure]:
    """Print one line for each case; return the measures."""
    print(f"{'':52}{'÷ total':>9}{'worst':>8}{'÷ possible':>12}{'worst':>8}{'idle':>8}{'worst':>8}")
    measures: dict[str, Measure] = {}
    for case, batches in results:
        total, possible, idle = (
            [getattr(one, name) for one in batches] for name in ("over_total", "over_possible", "idle_share")
        )
        print(
            f"{case!s:52}{statistics.mean(total):9.3f}{max(total):8.3f}{statistics.mean(possible):12.3f}"
            f"{max(possible):8.3f}{statistics.mean(idle):8.3f}{max(idle):8.3f}",
            flush=True,
        )
        measures[f"makespan / possible, {case}"] = Measure(statistics.mean(possible), GOAL)
        if case.jobs >= MANY_JOBS * case.devices:
            measures[f"makespan / (total / devices), {case}"] = Measure(statistics.mean(total), GOAL)
            measures[f"idle share, {case}"] = Measure(statistics.mean(idle), GOAL_IDLE)
    return measures


def main() -> None:
    """Simulate all cases, print the table; exit with 1 if a goal is missed."""
    arguments = arguments_of(__doc__).parse_args()
    conclude(print_table(simulate_all()), arguments.json)


if __name__ == "__main__":
    main()
