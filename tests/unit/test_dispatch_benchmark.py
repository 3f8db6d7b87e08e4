"""The benchmark of the dispatch policy, in a case that takes a second: it runs, and the policy does what it is for."""

from collections import Counter
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def dispatch(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import dispatch

    return dispatch


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
    done = Counter(span.job.job_id for span in result.spans[dispatch.POLICY] if span.done)
    assert len(done) == dispatch.PICTURED.jobs
    assert set(done.values()) == {1}
