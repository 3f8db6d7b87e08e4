"""
Benchmark of the dispatch policy: how close it comes to the shortest possible makespan, against simpler rules.

Simulates 10,000 jobs of log-normal length in one to four batches on 2, 8 and 64 GPUs: equal and unequal ones, costs
that are between half and double of what the length of the audio says, one GPU (the fastest) dying or falling sick
midway. The policy is not told how fast unequal GPUs are; it measures. Prints makespan ÷ lower bound for the policy of
tasks/orchestration/scheduling.py and for other ways, all on the same jobs::

    python benchmarks/dispatch.py [--quick] [--json FILE] [--picture docs/pictures/dispatch.svg]

``--quick`` leaves out the 64 GPUs, which take most of the time.

No schedule ends before the lower bound: from each arrival on, all work over the speed of all devices (that of a lost
device until it is lost), and the longest job alone on the fastest device. With few jobs no policy comes close to it:
five equal jobs on four devices take 1.6 times as long, and a job that takes twice as long as expected ends when it
ends. The figures are about batches that are long compared with their longest job.

The others: *first come* is late binding alone, in order of arrival; *shortest queue* (by count), *round robin* and
*random* give every job to a pool as it arrives. For jobs that arrive at once, shortest queue is round robin. ``inf``
is not done after five times the bound: a sick GPU fails so fast that it is always the least busy, and gets every job.
"""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dispatch_picture import draw
from dispatchers import FirstCome, LeastBusy, OnArrival, at_random, round_robin, shortest_queue
from measures import Measure, arguments_of, conclude
from simulated_devices import (
    DEFAULT_REAL_TIME_FACTOR,
    MODEL,
    PARTS_FROM_SECONDS,
    Accident,
    Device,
    Job,
    Span,
)
from simulation import Dispatcher, Simulation

JOBS = 10_000
MEDIAN_AUDIO_SECONDS = 600.0
SPREAD = 1.0
"""Standard deviation of the logarithm of the lengths: two thirds of them between 4 and 27 minutes."""
SHORTEST_AUDIO_SECONDS = 5.0
LONGEST_AUDIO_SECONDS = 24 * 3600.0
WORST_ESTIMATE = 2.0
UNEQUAL_SPEEDS = (1.6, 1.0, 0.6, 0.35)
GOAL = 1.02
GOAL_AFTER_ACCIDENT = 1.05

GIVE_UP_RATIO = 5.0

POLICY = "least busy"
DISPATCHERS: dict[str, Callable[[], Dispatcher]] = {
    POLICY: LeastBusy,
    "first come": FirstCome,
    "shortest queue": lambda: OnArrival(shortest_queue),
    "round robin": lambda: OnArrival(round_robin()),
    "random": lambda: OnArrival(at_random(seed=1)),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A situation to simulate."""

    gpus: int
    equal: bool
    batches: int
    exact: bool
    accident: Accident | None = None
    jobs: int = JOBS
    seed: int = 1

    def __str__(self) -> str:
        parts = [
            f"{self.gpus} {'equal' if self.equal else 'unequal'} GPUs",
            f"{self.batches} {'batch' if self.batches == 1 else 'batches'}",
            f"{'exact' if self.exact else 'wrong'} estimates",
        ]
        return ", ".join([*parts, f"one {self.accident}"] if self.accident else parts)

    @property
    def goal(self) -> float:
        """Makespan over lower bound that is good enough."""
        return GOAL_AFTER_ACCIDENT if self.accident else GOAL


CASES = [
    Case(gpus, equal=equal, batches=batches, exact=exact, accident=accident)
    for gpus in (2, 8, 64)
    for equal, batches, exact, accident in (
        (True, 1, True, None),
        (True, 2, False, None),
        (False, 1, True, None),
        (False, 4, False, None),
        (True, 3, False, Accident.DIES),
        (False, 3, False, Accident.DIES),
        (False, 4, False, Accident.FALLS_SICK),
    )
]
PICTURED = Case(gpus=4, equal=False, batches=2, exact=False, accident=Accident.DIES, jobs=150)


def make_devices(case: Case, *, accident_at: float = math.inf) -> list[Device]:
    """Return the devices of *case*; the accident happens to the fastest."""
    speed = 1 / DEFAULT_REAL_TIME_FACTOR
    factors = [1.0 if case.equal else UNEQUAL_SPEEDS[index % len(UNEQUAL_SPEEDS)] for index in range(case.gpus)]
    devices = [Device(f"gpu-{index:02}", speed * factor) for index, factor in enumerate(factors)]
    if case.accident is not None and accident_at < math.inf:
        devices[0].accident, devices[0].accident_at = case.accident, accident_at
    return devices


def make_jobs(case: Case) -> list[Job]:
    """Return the jobs of *case* in order of arrival: the first batch at 0, all by the time that 60 % could be done."""
    dice = random.Random(case.seed)  # noqa: S311 - a simulation wants the same dice again
    drawn = (dice.lognormvariate(math.log(MEDIAN_AUDIO_SECONDS), SPREAD) for _ in range(case.jobs))
    lengths = [min(max(seconds, SHORTEST_AUDIO_SECONDS), LONGEST_AUDIO_SECONDS) for seconds in drawn]
    errors = [1.0 if case.exact else WORST_ESTIMATE ** dice.uniform(-1, 1) for _ in lengths]
    work = [length * error for length, error in zip(lengths, errors, strict=True)]
    all_seconds = sum(work) / sum(device.speed for device in make_devices(case))
    arrivals = [0.0, *sorted(dice.uniform(0, 0.6) * all_seconds for _ in range(case.batches - 1))]
    batches = sorted(dice.randrange(case.batches) for _ in lengths)
    return [
        Job(
            f"b{batch}-{index:05}",
            f"b{batch}",
            lengths[index],
            MODEL,
            work_seconds=work[index],
            arrives_at=arrivals[batch],
        )
        for index, batch in enumerate(batches)
    ]


def lower_bound(jobs: Sequence[Job], devices: Sequence[Device]) -> float:
    """Return a time before which no schedule can end."""
    fastest = max(device.speed for device in devices)
    undivided = (job for job in jobs if job.audio_seconds < PARTS_FROM_SECONDS)
    bounds = [job.arrives_at + job.work_seconds / fastest for job in undivided]
    for arrival in {job.arrives_at for job in jobs}:
        work_seconds = sum(job.work_seconds for job in jobs if job.arrives_at >= arrival)
        bounds.append(_worked_off(work_seconds, devices, start=arrival))
    return max(bounds)


def _worked_off(work_seconds: float, devices: Sequence[Device], *, start: float) -> float:
    """Return when work that arrives at *start* is done if the devices share it perfectly for as long as each lives."""
    for lost_at in sorted({device.accident_at for device in devices if device.accident_at > start}):
        speed = sum(device.speed for device in devices if device.accident_at >= lost_at)
        if start + work_seconds / speed <= lost_at:
            break
        work_seconds -= (lost_at - start) * speed
        start = lost_at
    return start + work_seconds / speed


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one case: the lower bound, and by name of the dispatcher the makespan and the runs."""

    case: Case
    bound: float
    makespans: dict[str, float]
    spans: dict[str, list[Span]]

    def ratio(self, name: str) -> float:
        """Return makespan over lower bound."""
        return self.makespans[name] / self.bound


def simulate(case: Case) -> Result:
    """Return the result of *case*, each dispatcher on the same jobs. The accident happens halfway."""
    jobs = make_jobs(case)
    accident_at = lower_bound(jobs, make_devices(case)) / 2 if case.accident else math.inf
    bound = lower_bound(jobs, make_devices(case, accident_at=accident_at))
    makespans, spans = {}, {}
    for name, dispatcher in DISPATCHERS.items():
        simulation = Simulation(jobs, make_devices(case, accident_at=accident_at), dispatcher())
        makespans[name] = simulation.run(give_up_at=GIVE_UP_RATIO * bound)
        spans[name] = simulation.spans if case == PICTURED else []
    return Result(case, bound, makespans, spans)


def print_table(results: Iterable[Result]) -> dict[str, Measure]:
    """Print one line for each result as it comes; return the measures."""
    print(
        f"makespan / lower bound, {JOBS:,} jobs\n\n{'':60}{''.join(f'{name:>15}' for name in DISPATCHERS)}{'goal':>8}"
    )
    measures: dict[str, Measure] = {}
    for result in results:
        measure = Measure(result.ratio(POLICY), result.case.goal)
        ratios = "".join(f"{result.ratio(name):15.4f}" for name in DISPATCHERS)
        print(f"{result.case!s:60}{ratios}{measure.goal:8.2f}{'' if measure.holds else '  missed'}", flush=True)
        measures[f"makespan / lower bound, {result.case}"] = measure
    return measures


def main() -> None:
    """Simulate all cases, print the table, write the requested files; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--quick", action="store_true", help="2 and 8 GPUs only")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw a small case as an SVG")
    arguments = parser.parse_args()
    if arguments.picture:
        pictured = simulate(PICTURED)
        panels = {name: (pictured.makespans[name], pictured.spans[name]) for name in (POLICY, "round robin")}
        arguments.picture.write_text(draw(str(PICTURED), pictured.bound, panels), encoding="utf-8")
    cases = [case for case in CASES if not arguments.quick or case.gpus < max(one.gpus for one in CASES)]
    with ProcessPoolExecutor() as processes:
        measures = print_table(processes.map(simulate, cases))
    conclude(measures, arguments.json)


if __name__ == "__main__":
    main()
