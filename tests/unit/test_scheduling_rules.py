"""The dispatch policy: what may never happen, and what is reached, whatever the pools look like."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.orchestration.planning import WaitingJob
from tasks.orchestration.pool_model import Pool, PoolHealth
from tasks.orchestration.scheduling import forecast, place
from tests.support.runs import job, pool_at_noon, run

briefly = settings(max_examples=40, deadline=None)
lengths = st.floats(min_value=0.1, max_value=90_000)
conditions = st.fixed_dictionaries(
    {}, optional={"online": st.booleans(), "paused": st.booleans(), "health": st.sampled_from(PoolHealth)}
)


@st.composite
def any_pools(draw):
    pools = []
    for number in range(draw(st.integers(0, 6))):
        audio = draw(st.lists(lengths, max_size=5))
        slots = draw(st.integers(0, 3))
        runs = [
            run(
                f"{number}-{index}",
                length,
                elapsed=draw(lengths),
                running=index < slots,
                batch=draw(st.sampled_from("abc")),
            )
            for index, length in enumerate(audio)
        ]
        rtf = draw(st.floats(min_value=0.001, max_value=10))
        pools.append(pool_at_noon(f"gpu-{number}", *runs, slots=slots, rtf=rtf, **draw(conditions)))
    return pools


any_jobs = st.lists(
    st.builds(WaitingJob, st.uuids().map(str), st.just("a"), lengths, st.sampled_from(["base", "tiny"]))
)


@briefly
@given(any_pools(), any_jobs, st.integers(0, 2), st.integers(1, 4))
def test_no_job_is_placed_twice_or_where_it_may_not_run(pools, jobs, look_ahead, active_batches):
    placements = place(pools, jobs, look_ahead=look_ahead, active_batches=active_batches)
    ids = [placement.job_id for placement in placements]
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {waiting.job_id for waiting in jobs}
    for each in pools:
        count = sum(placement.work_pool == each.work_pool for placement in placements)
        assert count <= each.room(look_ahead)
        assert count == 0 or (each.online and not each.paused and each.health is not PoolHealth.QUARANTINED)


@briefly
@given(any_pools(), any_jobs, st.randoms(use_true_random=False))
def test_the_same_situation_gives_the_same_choice_in_any_order(pools, jobs, dice):
    expected = place(pools, jobs), forecast(pools, jobs)
    dice.shuffle(pools)
    dice.shuffle(jobs)
    assert (place(pools, jobs), forecast(pools, jobs)) == expected


@briefly
@given(any_pools(), any_jobs.filter(bool))
def test_something_is_placed_if_all_pools_are_idle(pools, jobs):
    idle = [Pool(each.work_pool, 2, each.real_time_factor, ()) for each in pools]
    assert bool(place(idle, jobs)) == bool(idle)


@briefly
@given(any_pools(), any_jobs)
def test_every_job_has_a_forecast_and_those_that_wait_a_position_of_their_own(pools, jobs):
    expected = forecast(pools, jobs)
    runs = [active for each in pools for active in each.runs]
    assert set(expected) == {each.job_id for each in (*runs, *jobs)}
    positions = sorted(each.queue_position for each in expected.values() if each.queue_position is not None)
    assert positions == list(range(1, len(positions) + 1))
    assert all(0 <= each.starts_in_seconds <= each.ends_in_seconds for each in expected.values())


def carried_out(audio, pool_count, slots):
    """Return when the last of *audio* is done if estimates are right and slots share the speed of their device."""
    waiting = {f"{index:02}": job(f"{index:02}", length) for index, length in enumerate(audio)}
    remaining = {f"gpu-{number}": {} for number in range(pool_count)}
    clock = 0.0
    while waiting or any(remaining.values()):
        pools = [
            pool_at_noon(
                name,
                *[run(key, left, running=index < slots) for index, (key, left) in enumerate(runs.items())],
                slots=slots,
            )
            for name, runs in remaining.items()
        ]
        # A device transcribes `slots` seconds of audio in a second at a real-time factor of 1, however many run.
        for placement in place(pools, waiting.values()):
            remaining[placement.work_pool][placement.job_id] = waiting.pop(placement.job_id).audio_seconds
        step = min(
            left * min(len(runs), slots) / slots for runs in remaining.values() for left in list(runs.values())[:slots]
        )
        clock += step
        for name, runs in remaining.items():
            served = dict(itertools.islice(runs.items(), slots))
            left = {key: audio - step * slots / len(served) for key, audio in served.items()}
            remaining[name] = {key: left.get(key, audio) for key, audio in runs.items() if left.get(key, audio) > 1e-6}
    return clock


def shortest_makespan(audio, pool_count, slots):
    """Return the makespan of the best of all assignments, by trying them."""
    assignments = itertools.product(range(pool_count), repeat=len(audio))
    return (
        min(
            max(
                sum(length for length, at in zip(audio, assigned, strict=True) if at == number)
                for number in range(pool_count)
            )
            for assigned in assignments
        )
        / slots
    )


@briefly
@given(st.lists(st.integers(1, 60).map(float), min_size=1, max_size=7), st.integers(2, 3), st.integers(1, 2))
def test_the_last_job_ends_within_four_thirds_of_the_best_if_estimates_are_right(audio, pool_count, slots):
    assert carried_out(audio, pool_count, slots) <= 4 / 3 * shortest_makespan(audio, pool_count, slots) + 1e-3
