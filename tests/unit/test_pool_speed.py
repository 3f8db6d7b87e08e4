"""The speed of a device and the time left, as the progress of what runs on it tells them."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from tasks.orchestration.job_run import RunProgress, RunState
from tasks.orchestration.pool_speed import with_progress
from tasks.orchestration.scheduling import forecast
from tests.support.runs import NOON, pool_at_noon, pool_run


@dataclass
class SimulatedDevice:
    """A device that shares its speed equally among the jobs in its slots, and what a page sees of it at each step."""

    audio: dict[str, float]
    audio_per_second: float
    slots: int
    remembered_rtf: float
    done: dict[str, float] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def running(self):
        return [job for job in self.audio if job in self.begun and job not in self.ended]

    def step(self):
        for job in self.audio:
            if job not in self.begun and len(self.running()) < self.slots:
                self.begun[job], self.done[job] = self.seconds, 0.0
        running = self.running()
        step_seconds = self.audio["long"] / self.audio_per_second / 200
        self.seconds += step_seconds
        for job in running:
            self.done[job] += self.audio_per_second * step_seconds / len(running)
            if self.done[job] >= self.audio[job]:
                self.ended[job] = self.seconds

    def pool(self):
        """The pool as Prefect tells of it: queued and running runs, and those that were completed."""
        now = NOON + timedelta(seconds=self.seconds)

        def run(job):
            state = RunState.COMPLETED if job in self.ended else RunState.RUNNING if job in self.begun else None
            seen = pool_run(job, self.audio[job], state=state or RunState.SCHEDULED)
            if job in self.ended:
                ended_at = NOON + timedelta(seconds=self.ended[job])
                return replace(seen, ended_at=ended_at, run_seconds=self.ended[job] - self.begun[job])
            return replace(seen, changed_at=NOON + timedelta(seconds=self.begun.get(job, self.seconds)))

        runs = [run(job) for job in self.audio]
        pool = pool_at_noon(
            "gpu-0",
            *(run for run in runs if not run.state.ended),
            slots=self.slots,
            rtf=self.remembered_rtf,
            completed=tuple(run for run in runs if run.state.ended),
            seen_at=now,
        )
        told = {
            run.run_id: RunProgress(self.done[run.job_id] / run.audio_seconds, now)
            for run in pool.runs
            if run.job_id in self.begun
        }
        return with_progress(pool, told)


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])  # of what was measured before
@pytest.mark.parametrize(
    "audio",
    [
        {"long": 3600.0},
        {"long": 120.0},
        {"long": 3600.0, "as long": 3600.0},
        {"long": 3600.0, **{f"short {number}": 120.0 for number in range(10)}},
        {**{f"short {number}": 120.0 for number in range(4)}, "long": 3600.0},
    ],
)
def test_the_time_left_of_a_job_is_right_from_a_tenth_of_it_on(audio, speed, slots):
    remembered = 4.0  # seconds of audio per second, which a device of other days did
    device = SimulatedDevice(audio, remembered * speed, slots, remembered_rtf=slots / remembered)
    told = []
    while "long" not in device.ended:
        device.step()
        if 0.1 <= device.done.get("long", 0.0) / audio["long"] < 0.95:
            told.append((device.seconds, forecast([device.pool()], [])["long"].ends_in_seconds))
    assert told
    for seconds, left in told:
        assert left == pytest.approx(device.ended["long"] - seconds, rel=0.3), f"{seconds:.0f} s after the start"


def test_without_progress_a_pool_is_as_it_was():
    pool = pool_at_noon("gpu-0", pool_run("a", 100.0, elapsed=10.0), rtf=0.5)
    assert with_progress(pool, {}) == pool


def test_an_assumed_speed_counts_as_measured_once_a_job_has_told_enough():
    run = pool_run("a", 1000.0, elapsed=100.0)
    pool = pool_at_noon("gpu-0", run, rtf=0.5, speed_measured=False)
    for share, measured in ((0.0, False), (0.02, False), (0.05, True)):
        seen = with_progress(pool, {run.run_id: RunProgress(share, NOON)})
        assert seen.speed_measured is measured
        assert forecast([seen], [])["a"].measured is measured


def test_a_run_that_hangs_has_ever_more_ahead():
    left = []
    for elapsed in (100.0, 200.0, 400.0):
        run = pool_run("a", 1000.0, elapsed=elapsed)
        seen = with_progress(pool_at_noon("gpu-0", run, slots=1, rtf=0.5), {run.run_id: RunProgress(0.5, NOON)})
        left.append(forecast([seen], [])["a"].ends_in_seconds)
    assert left == sorted(left)
    assert left[-1] > 3 * left[0]
