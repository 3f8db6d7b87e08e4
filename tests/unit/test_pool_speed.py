"""The speed of a device and the time left, as the progress of what runs on it tells them."""

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from tasks.orchestration.job_run import RunProgress, RunState
from tasks.orchestration.pool_speed import Sample, measured_rtf, remembered, since_earlier, with_speeds
from tasks.orchestration.scheduling import forecast
from tasks.transcription.parts import AT_WORK_SHARE
from tests.support.runs import NOON, pool_at_noon, pool_run


def speed_of(pool, *others):
    """The pool with the speed that it and others tell."""
    return with_speeds([pool, *others])[0]


def completed(rtf, audio=3600.0, *, days=0.0, seconds=0.0):
    """A run that was completed so long ago, alone on its device."""
    ended_at = NOON - timedelta(days=days, seconds=seconds)
    run = pool_run(f"of {days} days and {seconds} s ago", audio, state=RunState.COMPLETED)
    return replace(run, ended_at=ended_at, changed_at=ended_at, run_seconds=rtf * audio)


def running(job_id, audio, share, *, elapsed, **earlier):
    """A run that has told its progress."""
    return pool_run(job_id, audio, elapsed=elapsed, progress=RunProgress(share, NOON, **earlier))


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
            completed=(completed(self.remembered_rtf, days=1), *(run for run in runs if run.state.ended)),
            seen_at=now,
        )
        heard = {job: self.done[job] / self.audio[job] for job in self.running()}
        told = {job: RunProgress(share, now) for job, share in heard.items()}
        return speed_of(replace(pool, runs=tuple(replace(run, progress=told.get(run.job_id)) for run in pool.runs)))


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
    device = SimulatedDevice(audio, remembered * speed, slots, remembered_rtf=1 / remembered)
    told = []
    while "long" not in device.ended:
        device.step()
        if 0.1 <= device.done.get("long", 0.0) / audio["long"] < 0.95:
            told.append((device.seconds, forecast([device.pool()], [])["long"].ends_in_seconds))
    assert told
    for seconds, left in told:
        assert left == pytest.approx(device.ended["long"] - seconds, rel=0.3), f"{seconds:.0f} s after the start"


def test_a_pool_without_figures_starts_from_those_of_its_class():
    known = pool_at_noon("gpu-1", device="RTX 4090", completed=(completed(0.02, days=1),))
    of_another_name = pool_at_noon("gpu-2", device="T4", completed=(completed(0.2, days=1),))
    new = speed_of(pool_at_noon("gpu-0", device="RTX 4090"), known, of_another_name)
    assert (new.real_time_factor, new.speed_measured) == (pytest.approx(0.02), True)
    assert not speed_of(pool_at_noon("gpu-0", device="A100"), known).speed_measured


def test_devices_of_one_name_are_taken_for_equally_fast_whatever_they_did_hours_ago():
    pools = [
        pool_at_noon(f"gpu-{number}", device="RTX 4090", completed=(completed(rtf, days=1),))
        for number, rtf in enumerate((0.02, 0.04))
    ]
    assert len({pool.real_time_factor for pool in with_speeds(pools)}) == 1


def test_a_device_that_is_slower_than_others_of_its_name_shows_it_by_what_it_does_now():
    throttled = pool_at_noon("gpu-0", device="RTX 4090", completed=(completed(0.08, seconds=10),))
    other = pool_at_noon("gpu-1", device="RTX 4090", completed=(completed(0.02, seconds=10),))
    assert speed_of(throttled, other).real_time_factor == pytest.approx(0.08)


def test_a_new_run_outweighs_the_runs_of_hours_ago():
    old = tuple(completed(0.4, days=0.1, seconds=2000 * number) for number in range(10))
    assert speed_of(pool_at_noon("gpu-0", completed=old)).real_time_factor == pytest.approx(0.4)
    now = (*old, completed(0.2, audio=300))
    assert speed_of(pool_at_noon("gpu-0", completed=now)).real_time_factor == pytest.approx(0.2)


def test_a_run_that_had_the_device_to_itself_tells_of_no_faster_device_than_two_that_shared_it():
    alone = pool_at_noon("gpu-0", completed=(completed(0.1),))
    beside = replace(completed(0.2), run_id=pool_run("beside").run_id)
    shared = pool_at_noon("gpu-1", completed=(completed(0.2), beside))
    assert speed_of(alone).real_time_factor == pytest.approx(speed_of(shared).real_time_factor)


def test_a_speed_that_is_wrong_by_two_is_corrected_by_the_first_words_of_a_run():
    stale = (completed(0.2, days=1),)
    first_words = {"since": NOON - timedelta(seconds=12), "since_share": 0.1}
    run = running("a", 300.0, 0.5, elapsed=20.0, **first_words)  # 120 s of audio in 12 s
    assert speed_of(pool_at_noon("gpu-0", run, completed=stale)).real_time_factor == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("share", [0.0, AT_WORK_SHARE])
def test_a_run_that_has_written_nothing_yet_says_nothing_of_the_speed(share):
    pool = pool_at_noon("gpu-0", running("a", 3600.0, share, elapsed=60.0), completed=(completed(0.1, days=1),))
    assert speed_of(pool).real_time_factor == pytest.approx(0.1)


def test_what_a_run_told_more_than_a_minute_ago_is_forgotten():
    told = ()
    for seconds in range(0, 300, 10):
        told = remembered(told, RunProgress(0.1 + seconds / 1000, NOON + timedelta(seconds=seconds)))
    latest = since_earlier(told)
    assert (latest.told_at - latest.since).total_seconds() == 60
    assert latest.since_share == pytest.approx(0.1 + 0.23)


@pytest.mark.parametrize(("part", "tolerance"), [(1.0, 0.05), (240.0, 0.35)])
def test_a_device_is_taken_for_no_faster_while_others_help_with_its_run(part, tolerance):
    audio, audio_per_second, told, factors = 36_000.0, 4.0, (), []
    own = by_helpers = 0.0
    for seconds in range(0, 3000, 2):
        helpers = 2 if 1000 <= seconds < 2000 else 0
        own += 2 * audio_per_second
        by_helpers += 2 * audio_per_second * helpers
        done = own + by_helpers // part * part  # what they do is told in whole parts
        now = NOON + timedelta(seconds=seconds)
        told = remembered(told, RunProgress(done / audio, now, helpers=helpers))
        run = pool_run("long", audio, progress=since_earlier(told))
        factors.append(speed_of(pool_at_noon("gpu-0", run, seen_at=now)).real_time_factor)
    assert factors[100:] == [pytest.approx(1 / audio_per_second, rel=tolerance)] * len(factors[100:])


def test_a_look_without_memory_knows_that_others_helped():
    alone, helped = (since_earlier((RunProgress(0.3, NOON, helpers=helpers),)) for helpers in (0, 2))
    speeds = [
        speed_of(pool_at_noon("gpu-0", pool_run("a", 3600.0, elapsed=600.0, progress=told))) for told in (alone, helped)
    ]
    assert speeds[1].real_time_factor == pytest.approx(3 * speeds[0].real_time_factor, rel=0.1)


def test_what_an_earlier_attempt_told_is_forgotten():
    told = remembered((RunProgress(0.5, NOON),), RunProgress(0.1, NOON + timedelta(seconds=5)))
    assert since_earlier(told) == RunProgress(0.1, NOON + timedelta(seconds=5))


def test_an_assumed_speed_counts_as_measured_once_a_job_has_told_enough():
    for share, measured in ((0.0, False), (0.01, False), (0.04, True)):
        seen = speed_of(pool_at_noon("gpu-0", running("a", 1000.0, share, elapsed=100.0)))
        assert seen.speed_measured is measured
        assert forecast([seen], [])["a"].measured is measured


def test_a_run_that_hangs_has_ever_more_ahead():
    left = []
    for elapsed in (100.0, 200.0, 400.0):
        seen = speed_of(pool_at_noon("gpu-0", running("a", 1000.0, 0.5, elapsed=elapsed), slots=1))
        left.append(forecast([seen], [])["a"].ends_in_seconds)
    assert left == sorted(left)
    assert left[-1] > 3 * left[0]


@pytest.mark.parametrize(
    ("samples", "factor"),
    [
        ([], 0.1),
        ([(3.0, 5.0)], 0.1),  # 5 s of audio prove nothing yet
        ([(30.0, 600.0)], 0.05),
        ([(30.0, 600.0), (36.0, 600.0), (600.0, 600.0)], 0.06),  # one run that stood still does not count
        ([(2.0, 3.0)] * 20 + [(90.0, 1800.0)], 0.05),  # many short files beside one long recording
        ([(2.0, 4.0)] * 200, 0.5),  # only short files: that is what work costs here
        ([(0.0, 600.0), (30.0, 0.0), (-1.0, 600.0), (math.nan, 600.0), (math.inf, 600.0)], 0.1),
    ],
)
def test_the_real_time_factor_is_what_most_of_the_audio_took(samples, factor):
    assert measured_rtf((Sample(*sample) for sample in samples), 0.1) == pytest.approx(factor)
