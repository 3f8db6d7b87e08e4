"""The threads that convert a batch's uploads, under a real Prefect server."""

import asyncio
import threading

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterId

from tasks.batches import Job, job_id_for
from tasks.cancellation import CancelToken, set_current_token
from tasks.media.convert import convert
from tasks.orchestration.conversions import ConversionThreads
from tasks.settings import Settings
from tests.support.waiting import wait_until

BATCH_ID = "20261122-101112-abcdef"
JOB = Job(job_id=job_id_for(BATCH_ID, "talk.mp3"), path="talk.mp3", size=1, sha256="0" * 64, document_stem="talk")


@pytest.mark.usefixtures("prefect_server")
def test_a_conversion_that_pauses_between_two_tries_when_its_batch_is_cancelled_is_cancelled_too(tmp_path):
    settings = Settings(_env_file=None, data=tmp_path / "data")
    settings.data.mkdir()
    settings.work_folder.write_text("in the way")
    pauses = threading.Event()

    def pause(*_):
        pauses.set()
        return True

    @flow(task_runner=ConversionThreads(max_workers=2))
    async def cancelled_batch():
        set_current_token(token := CancelToken())
        stubborn = convert.with_options(retry_delay_seconds=1, retry_condition_fn=pause)
        conversion = stubborn.submit(JOB, BATCH_ID, settings)
        assert await asyncio.to_thread(pauses.wait, 30)
        token.cancel()
        return conversion.task_run_id

    task_run_id = asyncio.run(cancelled_batch())
    only = TaskRunFilter(id=TaskRunFilterId(any_=[task_run_id]))
    with get_client(sync_client=True) as client:
        ended = wait_until(
            # A task run is known a moment before its first state is.
            lambda: [
                run.state
                for run in client.read_task_runs(task_run_filter=only)
                if run.state is not None and run.state.is_final()
            ],
            "the end of the conversion",
            30,
        )
    assert [(state.name, state.message) for state in ended] == [
        ("Cancelled", "Cancelled while it was being converted.")
    ]
