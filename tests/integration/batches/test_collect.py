"""A batch run with conversions that Prefect never let begin, and with runs that had ended."""

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError

from tasks.batches import Batch, Recording, Stage, Upload, job_id_for, job_tag, manifest_of
from tasks.cancellation import CancelToken, set_current_token
from tasks.documents.publish import publish
from tasks.names import DocumentFormat
from tasks.orchestration.batch_run import adopt, collect, reopen, take_converted
from tasks.orchestration.job_run import RunState
from tasks.orchestration.moves import move_stuck
from tasks.orchestration.open_jobs import Converting, Ended, OpenJobs, Running
from tasks.orchestration.prefect_runs import crashes_since_last_end, job_run_of, read_retry
from tasks.orchestration.recovery import AWAITING_RESTART, Retry
from tasks.orchestration.run_recovery import restart
from tasks.orchestration.summary import Ending
from tasks.orchestration.task_runs import end_earlier_attempts, end_task_runs
from tasks.storage.folder import open_folder
from tasks.storage.keys import BatchKeys, attempt_token
from tests.support.transcripts import heard

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH_ID = "20260101-120000-abcdef"
RUN_ID = uuid4()
REFUSED = "refused"


class NeverBegan:
    """A conversion whose task run could not be begun."""

    def __init__(self, error: Exception) -> None:
        self.task_run_id = uuid4()
        self._error = error

    def wait(self) -> None:
        raise self._error


class Line:
    """The conversions of a batch, which line up here when they have ended."""

    def __init__(self, *ended) -> None:
        self.ended = deque(ended)
        self.started = []

    def start(self, jobs) -> None:
        self.started += jobs


class OneRun:
    """A Prefect server that has one run."""

    def __init__(self, run, *states) -> None:
        self.run = run
        self.states = states
        self.set_to = []

    async def read_flow_runs(self, **_filters):
        return [self.run] if self.run else []

    async def read_flow_run_states(self, _flow_run_id):
        return self.states

    async def set_flow_run_state(self, _flow_run_id, state, *, force):
        assert force
        self.set_to.append(state.name)


def one_job():
    upload = Upload(job_id=job_id_for(BATCH_ID, "a.mp3"), path="a.mp3", size=1, sha256="0", uploaded_at=NOON)
    manifest = manifest_of(Batch(batch_id=BATCH_ID, name="talks", created_at=NOON), [upload], started_at=NOON)
    return manifest, manifest.jobs[0]


def run_of(job, state_type: StateType, minutes: int) -> FlowRun:
    state = State(type=state_type, timestamp=NOON + timedelta(minutes=minutes))
    return FlowRun(flow_id=RUN_ID, id=RUN_ID, tags=[job_tag(job.job_id)], state=state)


def open_jobs(manifest, *states):
    jobs = OpenJobs(manifest)
    for state in states:
        jobs.put(state)
    return jobs


@pytest.mark.parametrize(
    ("now", "minutes", "taken_up"),
    [
        (StateType.FAILED, 0, False),
        (StateType.COMPLETED, 0, False),  # it said so before, and its documents were damaged: that would go on for ever
        (StateType.SCHEDULED, 1, True),
        (StateType.COMPLETED, 1, True),
        (StateType.FAILED, 1, True),
    ],
)
def test_a_failed_job_is_taken_up_again_only_if_its_run_has_changed_since(now, minutes, taken_up):
    manifest, job = one_job()
    then = StateType.COMPLETED if now is StateType.COMPLETED and not minutes else StateType.FAILED
    failed = Ending(job, Stage.FAILED, "Its documents are damaged.")
    jobs = open_jobs(manifest, Ended(failed, job_run_of(run_of(job, then, 0))))
    assert asyncio.run(reopen(OneRun(run_of(job, now, minutes)), jobs)) is taken_up
    assert (job.job_id in jobs.running, job.job_id in jobs.ended) == (taken_up, not taken_up)


@pytest.mark.parametrize("error", [ConcurrencySlotAcquisitionError("no slot"), httpx.ConnectError("refused")])
def test_a_conversion_that_an_outage_kept_from_beginning_is_begun_again(error):
    manifest, job = one_job()
    jobs, line = open_jobs(manifest, Converting(job)), Line((job, never := NeverBegan(error)))
    with pytest.raises(type(error)):  # for the batch run to wait the outage out
        asyncio.run(take_converted(None, jobs, line))
    assert (line.started, list(line.ended), jobs.any_open) == ([job], [], True)
    assert jobs.converting == {job.job_id: Converting(job)}
    assert jobs.never_began == {never.task_run_id}


@pytest.mark.parametrize(
    ("by_now", "set_to"),
    [
        (StateType.FAILED, ["AwaitingRetry"]),
        (StateType.SCHEDULED, []),  # a person was faster
        (StateType.RUNNING, []),
    ],
)
def test_a_job_is_restarted_only_if_its_run_has_ended_by_now(by_now, set_to):
    _, job = one_job()
    server = OneRun(run_of(job, by_now, 1))
    asyncio.run(restart(server, job_run_of(run_of(job, StateType.FAILED, 0)), "The batch was retried."))
    assert server.set_to == set_to


@pytest.fixture
def store(tmp_path):
    return open_folder(tmp_path / "store")


def published(store, manifest, job):
    store.write(BatchKeys.of(BATCH_ID).manifest, manifest.model_dump_json().encode())
    attempt = {"token": attempt_token("run", 1), "attempt": 1}
    return publish(store, BATCH_ID, job, **attempt, heard=heard(), contents={DocumentFormat.TXT: b"x"})


def make_unreadable(path: Path) -> None:
    """Have every read of the file fail, for root as well."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(path.name)


@pytest.mark.parametrize("said", [StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED])
def test_a_job_whose_documents_are_there_is_done_whatever_its_run_says(said, store, tmp_path):
    manifest, job = one_job()
    published(store, manifest, job)
    jobs = open_jobs(manifest, Running(job, job_run_of(run_of(job, StateType.RUNNING, 0))))
    (ending,) = asyncio.run(collect(OneRun(run_of(job, said, 1)), store, jobs, tmp_path))
    assert (ending.stage, ending.error) == (Stage.DONE, "")


def test_a_document_that_cannot_be_read_fails_its_job_and_no_other(store, tmp_path):
    manifest, job = one_job()
    (document,) = published(store, manifest, job).documents
    make_unreadable(tmp_path / "store" / document.key)
    jobs = open_jobs(manifest, Running(job, job_run_of(run_of(job, StateType.RUNNING, 0))))
    (ending,) = asyncio.run(collect(OneRun(run_of(job, StateType.COMPLETED, 1)), store, jobs, tmp_path))
    assert ending.stage is Stage.FAILED
    assert ending.error.startswith("What a.mp3 became cannot be read, though the store answers otherwise.")


def test_a_recording_that_cannot_be_read_fails_its_job_at_adoption(store, tmp_path):
    manifest, job = one_job()
    make_unreadable(tmp_path / "store" / BatchKeys.of(BATCH_ID).recording_record(job.job_id))
    jobs = asyncio.run(adopt(OneRun(None), store, manifest, None))
    assert "The recording of a.mp3 cannot be read" in jobs.ended[job.job_id].ending.error
    assert not jobs.any_open


def test_an_upload_that_cannot_be_removed_stops_nothing(store, tmp_path):
    manifest, job = one_job()
    published(store, manifest, job)
    (tmp_path / BATCH_ID / job.job_id / "in the way").mkdir(parents=True)
    jobs = open_jobs(manifest, Running(job, job_run_of(run_of(job, StateType.RUNNING, 0))))
    (ending,) = asyncio.run(collect(OneRun(run_of(job, StateType.COMPLETED, 1)), store, jobs, tmp_path))
    assert ending.stage is Stage.DONE


def history(*states) -> list[State]:
    """States, each a minute after the one before; a pair is a state with its name."""
    pairs = [state if isinstance(state, tuple) else (state, None) for state in states]
    return [
        State(type=state_type, name=name, timestamp=NOON + timedelta(minutes=minute))
        for minute, (state_type, name) in enumerate(pairs)
    ]


SCHEDULED, RUNNING, CRASHED, FAILED = StateType.SCHEDULED, StateType.RUNNING, StateType.CRASHED, StateType.FAILED
BY_A_USER = (SCHEDULED, "AwaitingRetry")
BY_THE_WORKER = (SCHEDULED, AWAITING_RESTART)


@pytest.mark.parametrize(
    ("states", "retry"),
    [
        ((SCHEDULED, RUNNING), None),
        ((SCHEDULED, RUNNING, FAILED, BY_A_USER, RUNNING), Retry(RunState.FAILED, NOON + timedelta(minutes=3))),
        ((SCHEDULED, RUNNING, CRASHED, BY_A_USER, RUNNING), Retry(RunState.CRASHED, NOON + timedelta(minutes=3))),
        # Its worker starts it again: what failed in this try stays failed, ...
        ((SCHEDULED, RUNNING, CRASHED, BY_THE_WORKER, RUNNING), None),
        # ... and what failed in the try before is tried again as it was.
        (
            (SCHEDULED, RUNNING, FAILED, BY_A_USER, RUNNING, CRASHED, BY_THE_WORKER, RUNNING),
            Retry(RunState.FAILED, NOON + timedelta(minutes=3)),
        ),
    ],
)
def test_a_retry_is_what_a_person_did_after_an_end(states, retry):
    server = OneRun(None, *history(*states))
    assert asyncio.run(read_retry(server, RUN_ID)) == retry


@pytest.mark.parametrize(
    ("states", "crashes"),
    [
        ((RUNNING, CRASHED, BY_THE_WORKER, RUNNING, CRASHED), 2),
        ((RUNNING, CRASHED, FAILED, BY_A_USER, RUNNING, CRASHED), 1),
        ((RUNNING, CRASHED, BY_THE_WORKER, StateType.CANCELLED, BY_A_USER, RUNNING, CRASHED), 1),
        ((RUNNING, CRASHED, BY_THE_WORKER, StateType.COMPLETED, BY_A_USER, RUNNING, CRASHED), 1),
    ],
)
def test_crashes_before_another_end_do_not_count(states, crashes):
    assert crashes_since_last_end(history(*states)) == crashes


class Mover:
    """A dispatcher whose connection breaks after it has created a successor."""

    def __init__(self, stuck, successor) -> None:
        self.stuck = stuck
        self.successor = successor
        self.outages = 1
        self.ended = []

    async def find_stuck(self, _runs):
        return self.stuck

    async def end_cancelled(self, lost):
        assert not list(lost)

    async def move(self, _ready, _old):
        self.stuck = []
        return [self.successor]

    async def end_predecessor(self, predecessor, successor):
        if self.outages:
            self.outages -= 1
            raise httpx.ConnectError(REFUSED)
        self.ended.append((predecessor, successor))


def test_a_move_that_an_outage_interrupts_is_finished_after_it(store):
    manifest, job = one_job()
    old, new = job_run_of(run_of(job, SCHEDULED, 0)), job_run_of(run_of(job, SCHEDULED, 1))
    recording = Recording(job_id=job.job_id, key="a.mp3", size=1, sha256="0" * 64, audio_seconds=1.0)
    jobs = open_jobs(manifest, Running(job, old, recording))
    dispatcher = Mover([old], new)
    with pytest.raises(httpx.ConnectError):
        asyncio.run(move_stuck(store, dispatcher, jobs))
    assert jobs.runs == {job.job_id: new}, "it watches the run that was to be ended"
    assert asyncio.run(move_stuck(store, dispatcher, jobs)) == []
    assert dispatcher.ended == [(old, new)]


def test_a_successor_that_has_ended_is_collected_after_the_run_in_whose_place_it_was_created(store, tmp_path):
    manifest, job = one_job()
    published(store, manifest, job)
    old, new = job_run_of(run_of(job, SCHEDULED, 0)), job_run_of(run_of(job, RUNNING, 1))
    jobs = open_jobs(manifest, Running(job, new, predecessor=old))
    server = OneRun(run_of(job, StateType.COMPLETED, 2))
    assert asyncio.run(collect(server, store, jobs, tmp_path)) == []
    dispatcher = Mover([], new)
    dispatcher.outages = 0
    asyncio.run(move_stuck(store, dispatcher, jobs))
    assert dispatcher.ended == [(old, new)]
    assert [ending.stage for ending in asyncio.run(collect(server, store, jobs, tmp_path))] == [Stage.DONE]


def test_a_cancelled_batch_waits_for_no_move_to_be_finished(store, tmp_path):
    manifest, job = one_job()
    published(store, manifest, job)
    old, new = job_run_of(run_of(job, SCHEDULED, 0)), job_run_of(run_of(job, RUNNING, 1))
    jobs = open_jobs(manifest, Running(job, new, predecessor=old))
    assert jobs.predecessors == (old,), "it is cancelled with the others"

    async def collected():
        set_current_token(token := CancelToken())
        token.cancel()
        return await collect(OneRun(run_of(job, StateType.COMPLETED, 2)), store, jobs, tmp_path)

    assert [ending.stage for ending in asyncio.run(collected())] == [Stage.DONE]


class AwayOnce(OneRun):
    """A Prefect server that refuses the first state that it is sent."""

    async def set_flow_run_state(self, flow_run_id, state, *, force):
        if not self.set_to:
            self.set_to.append("refused")
            raise httpx.ConnectError(REFUSED)
        await super().set_flow_run_state(flow_run_id, state, force=force)


def test_a_run_that_is_to_begin_again_once_it_has_stopped_does_so_after_an_outage(store, tmp_path):
    manifest, job = one_job()
    stopping = job_run_of(run_of(job, StateType.CANCELLING, 0))
    jobs = open_jobs(manifest, Running(job, stopping, restarts_once_stopped=True))
    server = AwayOnce(run_of(job, StateType.CANCELLED, 1))
    with pytest.raises(httpx.ConnectError):
        asyncio.run(collect(server, store, jobs, tmp_path))
    assert asyncio.run(collect(server, store, jobs, tmp_path)) == []
    assert server.set_to == ["refused", "AwaitingRetry"]
    assert not jobs.running[job.job_id].restarts_once_stopped


class ManyTaskRuns:
    """A Prefect server with task runs of one flow run, in pages."""

    def __init__(self, *states: StateType) -> None:
        self.task_runs = [TaskRun(id=uuid4(), task_key="t", dynamic_key="0", state=State(type=each)) for each in states]
        self.ended = set()

    async def read_task_runs(self, *, task_run_filter, limit, offset, **_filters):
        under_way = [run for run in self.task_runs if run.state.type in task_run_filter.state.type.any_]
        return under_way[offset : offset + limit]

    async def set_task_run_state(self, task_run_id, _state, *, force):
        assert force
        self.ended.add(task_run_id)


def test_all_that_a_lost_process_had_begun_ends_also_what_waited_for_its_next_try():
    server = ManyTaskRuns(*[RUNNING] * 150, *[SCHEDULED] * 150, StateType.COMPLETED)
    asyncio.run(end_task_runs(server, RUN_ID, "its process ended"))
    assert server.ended == {run.id for run in server.task_runs[:300]}


def test_what_the_last_attempt_had_begun_may_be_completed_and_not_recorded_yet():
    server = ManyTaskRuns(RUNNING, RUNNING)
    for attempt, run in enumerate(server.task_runs, start=1):
        run.flow_run_id, run.flow_run_run_count = RUN_ID, attempt
    asyncio.run(end_earlier_attempts(server, "20260101-120000-abcdef", {RUN_ID: 2}))
    assert server.ended == {server.task_runs[0].id}
