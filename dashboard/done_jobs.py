"""The statuses of jobs that are done: most of those of a large batch, and they stay as they are."""

from tasks.core.batches import Stage
from tasks.core.stages import BatchFacts, JobFacts, job_status
from tasks.core.status import JobStatus


class DoneJobs:
    """Tells the status of the jobs of one batch, and makes that of a job that is done only once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[JobFacts, JobStatus]] = {}

    def status(self, facts: JobFacts, batch: BatchFacts) -> JobStatus:
        """
        Return everything the API says of the job.

        A job that is done is told anew if it has run again or was published again: these facts are then other objects.
        """
        facts_then, status = self._known.get(facts.job.job_id, (None, None))
        if facts_then is not None and status is not None and _same(facts, facts_then):
            return status
        status = job_status(facts, batch)
        if status.stage is Stage.DONE:
            self._known[facts.job.job_id] = (facts, status)
        return status


def _same(facts: JobFacts, then: JobFacts) -> bool:
    return facts.child is then.child and facts.publication is then.publication
