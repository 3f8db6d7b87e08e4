"""The model of a job on a pool; a switch costs time only where there is one."""

import pytest

from tasks.options import WhisperTask
from tasks.orchestration.job_run import RunState
from tasks.orchestration.planning import WaitingJob
from tasks.orchestration.pool_model import Pool, PoolHealth
from tasks.orchestration.scheduling import forecast, place
from tests.support.runs import pool_run

TRANSLATE = WhisperTask.TRANSLATE


def pool(name, *runs, **condition):
    return Pool(name, 1, 1.0, runs, **condition)


def queued(audio, model="auto", task=WhisperTask.TRANSCRIBE):
    return pool_run("queued", audio, state=RunState.SCHEDULED, batch="batch", model=model, task=task)


def job(model="auto", task=WhisperTask.TRANSCRIBE):
    return WaitingJob("a", "batch", 10.0, model, task)


@pytest.mark.parametrize(
    ("condition", "wanted", "task", "model"),
    [
        ({"device_kind": "cpu"}, "auto", WhisperTask.TRANSCRIBE, "base"),
        ({"device_kind": "cuda"}, "auto", WhisperTask.TRANSCRIBE, "large-v3-turbo"),
        ({"device_kind": "cuda"}, "auto", TRANSLATE, "large-v3"),
        ({"device_kind": "cuda", "default_model": "small"}, "auto", TRANSLATE, "small"),  # the installation's choice
        ({"device_kind": "cuda"}, "tiny", TRANSLATE, "tiny"),
        ({}, "../odd", WhisperTask.TRANSCRIBE, "../odd"),  # its run will fail with a sentence; the plan goes on
    ],
)
def test_a_pool_knows_which_model_a_job_gets(condition, wanted, task, model):
    assert pool("gpu-0", **condition).model_of(wanted, task) == model


# On gpu-0 the job would end 1 s later than on gpu-1, less than a change of the model costs.
@pytest.mark.parametrize(
    ("on_gpu_0", "on_gpu_1", "wanted", "choice"),
    [
        (queued(5), queued(4), job(), "gpu-1"),  # auto is the same model on both
        (queued(5), queued(4, "large-v3-turbo"), job(), "gpu-1"),  # and so is its name
        (queued(5), queued(4, "small"), job("large-v3-turbo"), "gpu-0"),
        (queued(5, task=TRANSLATE), queued(4), job(task=TRANSLATE), "gpu-0"),  # auto, but another model
    ],
)
def test_a_switch_is_avoided_where_the_models_differ_whatever_they_were_called(on_gpu_0, on_gpu_1, wanted, choice):
    pools = [pool("gpu-0", on_gpu_0, device_kind="cuda"), pool("gpu-1", on_gpu_1, device_kind="cuda")]
    assert [placement.work_pool for placement in place(pools, [wanted])] == [choice]


def test_a_pool_on_probation_with_its_one_job_gets_no_second_even_if_it_is_the_only_one():
    assert len(place([pool("gpu-0", health=PoolHealth.PROBE)], [job()])) == 1
    busy = pool("gpu-0", queued(5), health=PoolHealth.PROBE)
    assert place([busy], [job()]) == ()
    assert forecast([busy], [job()])["a"].work_pool == "gpu-0"
