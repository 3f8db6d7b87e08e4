"""Conversion of Prefect's objects into the facts that `tasks.orchestration.stages` derives stages from."""

from datetime import UTC, datetime, timedelta

from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.settings import PREFECT_UI_URL

from tasks.orchestration.job_runs import audio_seconds_of, job_of, run_state
from tasks.orchestration.recovery import CRASH_SETTLES_SECONDS, RunState
from tasks.orchestration.stages import RunFacts
from tasks.orchestration.waiting import waits_for


def flow_run_url(flow_run_id: str) -> str:
    """Return the page of a flow run in Prefect's UI."""
    return f"{ui_url()}/runs/flow-run/{flow_run_id}"


def ui_url() -> str:
    """Return the address of Prefect's UI."""
    return str(PREFECT_UI_URL.value() or "").rstrip("/")


def facts_of_flow_run(run: FlowRun) -> RunFacts:
    """Return the facts of a flow run that a stage is derived from."""
    audio_seconds = audio_seconds_of(run)
    return RunFacts(
        run_id=str(run.id),
        job_id=job_of(run),
        state=_state_of(run),
        created_at=known_time(run.created),
        changed_at=known_time(run.state.timestamp if run.state else None),
        message=(run.state.message or "") if run.state else "",
        attempts=run.run_count,
        work_pool=run.work_pool_name,
        audio_seconds=audio_seconds if audio_seconds > 0 else None,
        url=flow_run_url(str(run.id)),
        started_at=_started_at(run),
        ended_at=run.end_time,
        waits_for=waits_for(run),
    )


def _state_of(run: FlowRun) -> RunState:
    """Return the run's state; one that has just crashed is about to be started again by its worker."""
    if run.state is None:
        return RunState.SCHEDULED
    just_now = datetime.now(UTC) - run.state.timestamp < timedelta(seconds=CRASH_SETTLES_SECONDS)
    return RunState.SCHEDULED if run.state.is_crashed() and just_now else run_state(run.state.type)


def _started_at(run: FlowRun) -> datetime | None:
    """
    Return when the run's latest attempt began, None while it waits for one.

    Prefect keeps the start of the first attempt only. Of a run that was tried again and has ended, the time it ran is
    counted back from its end: exact for its last attempt as far as those before failed at once.
    """
    if run.state is None or run.start_time is None or not run.run_count or run.state.is_scheduled():
        return None
    if run.state.is_running():
        return run.state.timestamp
    if run.run_count > 1 and run.end_time is not None:
        return max(run.start_time, run.end_time - run.total_run_time)
    return run.start_time


def facts_of_task_run(run: TaskRun) -> RunFacts:
    """Return the facts of a task run; it belongs to no job if it carries no job's tag."""
    return RunFacts(
        run_id=str(run.id),
        job_id=next((tag.removeprefix("job:") for tag in run.tags if tag.startswith("job:")), ""),
        state=run_state(run.state.type) if run.state else RunState.SCHEDULED,
        created_at=known_time(run.created),
        changed_at=known_time(run.state.timestamp if run.state else None),
        message=(run.state.message or "") if run.state else "",
        attempts=run.run_count,
    )


def known_time(time: datetime | None) -> datetime:
    """Return *time*, or the beginning of time where Prefect gives none."""
    return time or datetime.min.replace(tzinfo=UTC)


def share_of(percent: object) -> float:
    """Return a progress artifact's percentage as a share; Prefect stores it as a number or as text."""
    try:
        return min(max(float(str(percent)) / 100, 0.0), 1.0)
    except ValueError:
        return 0.0
