"""The benchmarks of the dispatch policy, in cases that take a second: they run, and the policy does what it is for."""

from collections import Counter
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def dispatch(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import dispatch

    return dispatch


@pytest.fixture
def long_recordings(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import long_recordings

    return long_recordings


def simulation_of(long_recordings, case, *, helping=True, accident=None):
    """Return the simulation of *case*, and its makespan ÷ (total ÷ devices); *accident* happens to the last device."""
    jobs, devices = long_recordings.make_jobs(case), long_recordings.make_devices(case)
    level = sum(job.work_seconds for job in jobs) / case.speed / len(devices)
    if accident is not None:
        devices[-1].accident, devices[-1].accident_at = accident, level / 2
    simulation = long_recordings.Simulation(jobs, devices, long_recordings.LeastBusy(helping=helping))
    return simulation, simulation.run(give_up_at=20 * level) / level


@pytest.mark.parametrize("gpus", [3, 4])  # of two, the one that is left has no choice
def test_unequal_gpus_of_which_one_dies_end_sooner_than_with_simpler_rules(dispatch, gpus):
    case = dispatch.Case(
        gpus=gpus, equal=False, batches=2, exact=False, accident=dispatch.Accident.DIES, jobs=150 * gpus
    )
    result = dispatch.simulate(case)
    assert 1 <= result.ratio(dispatch.POLICY) < 1.2  # so few jobs do not fill the last minutes evenly
    for simpler in ("shortest queue", "round robin", "random"):
        assert result.ratio(dispatch.POLICY) < result.ratio(simpler)


def test_every_job_is_done_once_however_a_device_fails(dispatch):
    result = dispatch.simulate(dispatch.PICTURED)
    done = Counter(span.job.job_id for span in result.spans[dispatch.POLICY] if span.done and not span.helps)
    assert len(done) == dispatch.PICTURED.jobs
    assert set(done.values()) == {1}


def test_a_long_recording_alone_keeps_all_devices_at_work(long_recordings):
    day = long_recordings.Case(long=(24,))
    assert simulation_of(long_recordings, day, helping=False)[1] > 7.9
    assert simulation_of(long_recordings, day)[1] < 1.05


def test_short_recordings_wait_only_until_the_parts_at_hand_are_done(long_recordings):
    later = long_recordings.Case(long=(24,), short=40, later=True)
    simulation, _ = simulation_of(long_recordings, later)
    part_seconds = long_recordings.PART_SECONDS / later.speed
    short = [span for span in simulation.spans if span.job.audio_seconds == long_recordings.SHORT_SECONDS]
    assert len(short) == 40
    # A short one in the second slot shares the device with the part, which then takes twice as long.
    assert all(span.started_at - span.job.arrives_at <= 2 * part_seconds for span in short)


def test_a_device_that_dies_while_it_helps_costs_the_part_at_hand_and_no_more(long_recordings):
    from simulated_devices import Accident

    day = long_recordings.Case(long=(24,))
    simulation, over_total = simulation_of(long_recordings, day, accident=Accident.DIES)
    with_seven = (1 + 8 / 7) / 2  # half of the time with eight devices, the other half with seven
    part = long_recordings.PART_SECONDS / (day.long[0] * long_recordings.HOUR / 8)
    assert over_total < 1.05 * with_seven + part
    assert [span.helps for span in simulation.spans if not span.done] == [True]
