"""
Benchmark of long recordings, which devices with nothing else to do help with.

Simulates the policy on 8 GPUs, on the same jobs without help and with it: one recording of 9 hours beside forty of half
a minute, one of 24 hours alone, and mixed batches with ever longer recordings in them; what the devices remember of
their speed is right, or wrong by 2 between them. Prints makespan ÷ (total ÷ devices) of both, and how long short
recordings waited from their arrival until their run began, against the time that a device takes for one part::

    python benchmarks/long_recordings.py [--json FILE]
"""

import math
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from dispatchers import LeastBusy
from measures import Measure, arguments_of, conclude
from simulated_devices import DEFAULT_REAL_TIME_FACTOR, MODEL, PART_SECONDS, Device, Job
from simulation import Simulation

GPUS = 8
HOUR = 3600.0
SHORT_SECONDS = 30.0
MEDIAN_AUDIO_SECONDS, SPREAD = 600.0, 1.0
GOAL, GOAL_WRONG = 1.03, 1.05
MOST_WAIT_SHARE = 0.95
GIVE_UP_RATIO = 20.0
DIGITS = 6
"""Of a ratio: what a sum of many times is off by is not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A batch with long recordings; the short and the mixed ones arrive with them, or half-way through."""

    long: tuple[float, ...]
    """Hours of each."""
    short: int = 0
    mixed: int = 0
    later: bool = False
    wrong: bool = False
    speed: float = 1 / DEFAULT_REAL_TIME_FACTOR
    """Audio that a device transcribes in a second."""

    def __str__(self) -> str:
        longest = f"{len(self.long)} of {self.long[0]:g} h" if self.long else ""
        short = f"{self.short} of {SHORT_SECONDS:.0f} s{' half-way' if self.later else ''}" if self.short else ""
        mixed = f"{self.mixed} of about 10 min" if self.mixed else ""
        all_of_it = " + ".join(filter(None, (longest, short, mixed)))
        return f"{all_of_it}, {self.speed:.0f} times real time{', taken for another' if self.wrong else ''}"


CASES = [
    *(Case(long=(9,), short=40, later=later, wrong=wrong) for later in (False, True) for wrong in (False, True)),
    *(Case(long=(9,), short=40, later=later, speed=10) for later in (False, True)),
    *(Case(long=(24,), wrong=wrong) for wrong in (False, True)),
    Case(long=(9, 9, 9)),
    *(Case(long=long, mixed=200, wrong=wrong) for long in ((), (3,), (12,), (24,)) for wrong in (False, True)),
]


@dataclass(frozen=True, slots=True)
class Result:
    """The makespan ÷ (total ÷ devices), and the waits of short recordings in seconds, in order."""

    over_total: float
    waits: tuple[float, ...]

    @property
    def most_wait(self) -> float:
        """The wait that 95 % of the short recordings did not exceed; 0 without any."""
        return self.waits[math.ceil(MOST_WAIT_SHARE * len(self.waits)) - 1] if self.waits else 0.0


def make_devices(case: Case) -> list[Device]:
    """Return equal devices; where speeds are wrong, every second one remembers half of its speed."""
    devices = [Device(f"gpu-{number}", case.speed) for number in range(GPUS)]
    for number, device in enumerate(devices):
        wrong = 2.0 if case.wrong and number % 2 == 0 else 1.0
        for earlier in range(10):
            device.remember(wrong / case.speed, audio_seconds=600.0, age_seconds=HOUR + 100.0 * earlier)
    return devices


def make_jobs(case: Case) -> list[Job]:
    """Return the jobs of *case* in order of arrival."""
    dice = random.Random(1)  # noqa: S311 - a simulation wants the same dice again
    mixed = [dice.lognormvariate(math.log(MEDIAN_AUDIO_SECONDS), SPREAD) for _ in range(case.mixed)]
    at_once = [*(hours * HOUR for hours in case.long), *mixed]
    half_way = sum(at_once) / case.speed / GPUS / 2 if case.later else 0.0
    jobs = [(seconds, 0.0) for seconds in at_once] + [(SHORT_SECONDS, half_way)] * case.short
    return [
        Job(f"{number:03}", "batch", seconds, MODEL, work_seconds=seconds, arrives_at=arrival)
        for number, (seconds, arrival) in enumerate(jobs)
    ]


def simulate(case: Case) -> tuple[Case, Result, Result]:
    """Return *case* with its results without help and with it."""
    return case, _simulate(case, helping=False), _simulate(case, helping=True)


def _simulate(case: Case, *, helping: bool) -> Result:
    jobs = make_jobs(case)
    simulation = Simulation(jobs, make_devices(case), LeastBusy(helping=helping))
    level = sum(job.work_seconds for job in jobs) / case.speed / GPUS
    makespan = simulation.run(give_up_at=GIVE_UP_RATIO * level)
    waits = sorted(
        span.started_at - span.job.arrives_at for span in simulation.spans if span.job.audio_seconds == SHORT_SECONDS
    )
    return Result(makespan / level, tuple(waits))


def print_table(results: Iterator[tuple[Case, Result, Result]]) -> dict[str, Measure]:
    """Print one line for each case; return the measures."""
    columns = f"{'no help':>8}{'help':>8}{'no help':>12}{'help':>8}"
    print(f"{'makespan ÷ (total ÷ devices), wait of 95 % ÷ one part':74}{columns}")
    measures: dict[str, Measure] = {}
    for case, before, after in results:
        part_seconds = PART_SECONDS / case.speed
        waits = f"{before.most_wait / part_seconds:12.3f}{after.most_wait / part_seconds:8.3f}" if case.short else ""
        print(f"{case!s:74}{before.over_total:8.3f}{after.over_total:8.3f}{waits}", flush=True)
        makespan, wait = round(after.over_total, DIGITS), round(after.most_wait / part_seconds, DIGITS)
        measures[f"makespan / (total / devices), {case}"] = Measure(makespan, GOAL_WRONG if case.wrong else GOAL)
        if case.short:
            measures[f"wait of the short / one part, {case}"] = Measure(wait, 1.0)
    return measures


def main() -> None:
    """Simulate all cases, print the table; exit with 1 if a goal is missed."""
    arguments = arguments_of(__doc__).parse_args()
    with ProcessPoolExecutor() as processes:
        measures = print_table(processes.map(simulate, CASES))
    conclude(measures, arguments.json)


if __name__ == "__main__":
    main()
