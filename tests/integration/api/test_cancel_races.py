"""A job that is cancelled in the very moment in which it is dispatched."""

import asyncio
from types import SimpleNamespace

from dashboard.services.jobs import JobService
from tasks.batches import Stage
from tasks.settings import Settings
from tasks.single_flight import SingleFlightCache

JOB_ID = "20260101-120000-abcdef-abcdefghij"


class Moment:
    """A batch of one job, whose run is created while its cancel is being noted; somebody else looks on all the time."""

    def __init__(self) -> None:
        self.run = None
        self.cancelled = []
        self._looks = SingleFlightCache()
        self._onlooker = None

    async def batch(self, batch_id, *, max_age):
        return await self._looks.get(batch_id, self._look, max_age=max_age)

    def forget(self, batch_id):
        self._looks.forget(batch_id)

    async def _look(self):
        job = SimpleNamespace(job_id=JOB_ID, path="a.mp3", stage=Stage.QUEUED, flow_run_id=self.run)
        for _ in range(5):
            await asyncio.sleep(0)
        return SimpleNamespace(jobs=(job,))

    async def forget_kept(self, batch_id, *, job_id):
        """Nothing was kept."""

    async def mark_cancelled(self, batch_id, _mark):
        self._onlooker = asyncio.ensure_future(self.batch(batch_id, max_age=0))
        await asyncio.sleep(0)  # the other's look has begun, and has seen no run
        self.run = "a run"

    async def cancel_job(self, flow_run_id):
        self.cancelled.append(flow_run_id)


def test_a_run_that_is_created_while_its_job_is_being_cancelled_is_cancelled_too():
    async def cancelled():
        moment = Moment()
        service = JobService(moment, moment, moment, None, Settings(_env_file=None))
        await service.cancel_job("batch", JOB_ID)
        return moment.cancelled

    assert asyncio.run(cancelled()) == ["a run"]
