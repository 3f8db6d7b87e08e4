"""A warm process answers the requests of its worker."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

from deployments.worker.child import WarmChild
from deployments.worker.messages import CancelRun, RunEnded, StartRun
from tasks.cancellation import current_token


class Reports:
    """The worker's end of the connection, as far as it is written to."""

    def __init__(self):
        self.first = asyncio.Future()

    def send(self, report):
        self.first.set_result(report)


class Child(WarmChild):
    """A child whose one run says whether it was cancelled."""

    async def _run(self, request):
        return RunEnded(request.flow_run.id, detail=f"cancelled: {current_token().cancelled}")


def test_a_cancel_right_behind_the_start_reaches_the_run():
    async def scene():
        child, flow_run = Child(reports := Reports()), SimpleNamespace(id=uuid4())
        for request in (StartRun(flow_run, "module.flow"), CancelRun(flow_run.id)):
            child._take(request)  # as the loop does with two that came in together
        return (await reports.first).detail

    assert asyncio.run(asyncio.wait_for(scene(), 10)) == "cancelled: True"
