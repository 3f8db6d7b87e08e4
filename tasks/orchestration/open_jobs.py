"""The jobs of an open batch, each in one state."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from uuid import UUID

from tasks.batches import Job, Manifest, Recording
from tasks.orchestration.job_run import JobRun
from tasks.orchestration.summary import Ending


@dataclass(frozen=True, slots=True)
class Converting:
    """Its upload is being converted, or is in line for that."""

    job: Job
    restarts: JobRun | None = None
    """A run of an earlier try of the batch that is to begin again with the recording."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Its recording is in the store, and it waits for a pool with room."""

    job: Job
    recording: Recording


@dataclass(frozen=True, slots=True)
class Running:
    """It has a run, which waits on its pool, is executing, or has just come to an end."""

    job: Job
    run: JobRun
    recording: Recording | None = None
    """Its recording; None if the run was adopted and its recording was not read yet."""
    restarts_once_stopped: bool = False
    """True if the run is being cancelled, and is to begin again as soon as it has stopped."""
    predecessor: JobRun | None = None
    """The run on another pool in whose place this one was created, as long as it is still to be ended."""


@dataclass(frozen=True, slots=True)
class Ended:
    """It has ended, with a run that was then as given, or without one."""

    ending: Ending
    run: JobRun | None = None

    @property
    def job(self) -> Job:
        """The job."""
        return self.ending.job


JobState: TypeAlias = Converting | Waiting | Running | Ended


@dataclass(slots=True)
class OpenJobs:
    """The jobs of one batch by their states. Each mapping is by job id, and changes when a job gets another state."""

    manifest: Manifest
    converting: dict[str, Converting] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    never_began: set[UUID] = field(default_factory=set)
    """Task runs of conversions that an outage kept from beginning; others took their place."""

    def put(self, state: JobState) -> None:
        """Have a job in this state, in place of the one it was in."""
        job_id = state.job.job_id
        for others in (self.converting, self.waiting, self.running, self.ended):
            others.pop(job_id, None)
        match state:
            case Converting():
                self.converting[job_id] = state
            case Waiting():
                self.waiting[job_id] = state
            case Running():
                self.running[job_id] = state
            case Ended():
                self.ended[job_id] = state

    def restart_nothing(self) -> None:
        """Leave runs that were to begin again as they are: the batch was cancelled."""
        for converting in list(self.converting.values()):
            self.put(replace(converting, restarts=None))
        for running in list(self.running.values()):
            self.put(replace(running, restarts_once_stopped=False))

    @property
    def any_open(self) -> bool:
        """True if a job has not ended yet."""
        return len(self.ended) < len(self.manifest.jobs)

    @property
    def runs(self) -> Mapping[str, JobRun]:
        """The runs of jobs that have not ended."""
        return {job_id: running.run for job_id, running in self.running.items()}

    @property
    def predecessors(self) -> tuple[JobRun, ...]:
        """The runs that were moved to another pool and are still to be ended."""
        return tuple(running.predecessor for running in self.running.values() if running.predecessor is not None)

    @property
    def progress(self) -> Hashable:
        """A value that stays equal as long as nothing happens to any job."""
        runs = tuple((run.run_id, run.state, run.attempts) for run in self.runs.values())
        return len(self.converting), len(self.waiting), len(self.ended), runs
