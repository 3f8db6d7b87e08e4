"""Runs on pools, and jobs that wait for one, as tests of the dispatch policy imagine them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from tasks.orchestration.job_run import JobRun, RunState
from tasks.orchestration.planning import WaitingJob
from tasks.orchestration.pool_model import Pool

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
RUNS = UUID("5fd9fd55-d0b4-4fd7-a9cf-9d7a8f8a2b5c")


def run_id_of(name: str) -> UUID:
    """The id of the run that a test calls so."""
    return uuid5(RUNS, name)


def pool_run(
    job_id: str = "other",
    audio: float = 100.0,
    *,
    elapsed: float = 0.0,
    state: RunState = RunState.RUNNING,
    batch: str = "other",
    model: str = "base",
    **more: object,
) -> JobRun:
    """A run of so much audio on a pool, at noon, in its state for so many seconds."""
    return JobRun(
        run_id=run_id_of(job_id),
        state=state,
        changed_at=NOON - timedelta(seconds=elapsed),
        job_id=job_id,
        batch_id=batch,
        audio_seconds=audio,
        model=model,
        **more,
    )


def run(
    job_id: str = "other", audio: float = 100.0, *, running: bool = True, cancelling: bool = False, **more: object
) -> JobRun:
    """A run on a pool that runs, is being cancelled, or waits there for its turn."""
    held = RunState.CANCELLING if cancelling else RunState.RUNNING
    return pool_run(job_id, audio, state=held if running else RunState.SCHEDULED, **more)


def job(
    job_id: str = "a", audio: float = 100.0, batch: str = "mine", model: str = "base", *, inbox: bool = False
) -> WaitingJob:
    """A job that waits for a pool."""
    return WaitingJob(job_id, batch, audio, model, inbox=inbox)


def pool_at_noon(name: str = "gpu-0", *runs: JobRun, slots: int = 2, rtf: float = 1.0, **condition: object) -> Pool:
    """A pool as it is at noon, with *rtf* in each of its slots at once; it has the model base loaded by default."""
    factor = rtf / max(slots, 1)
    return Pool(name, slots, factor, tuple(runs), **{"loaded_model": "base", "seen_at": NOON, **condition})
