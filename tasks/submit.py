"""Submit a batch's conversions to the flow's task runner, and line up their ends for the batch run's loop."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from contextvars import copy_context
from functools import partial

from prefect.futures import PrefectFuture

from tasks.convert import convert
from tasks.core.batches import Job, Recording, job_tag
from tasks.core.cancellation import CancelToken, current_token, set_current_token
from tasks.core.settings import Settings


class Conversions:
    """The conversions of a batch. They run in threads; each can be cancelled by itself, and all with the batch run."""

    def __init__(self, batch_id: str, settings: Settings) -> None:
        self._batch_id = batch_id
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._ended: deque[tuple[Job, PrefectFuture[Recording]]] = deque()
        self._news = asyncio.Event()
        self._tokens: dict[str, CancelToken] = {}

    def start(self, jobs: Iterable[Job]) -> None:
        """Convert the uploads of *jobs*, as many side by side as the flow's task runner has threads."""
        for job in jobs:
            token = self._tokens[job.job_id] = CancelToken(parent=current_token())
            conversion = copy_context().run(self._submit, job, token)
            conversion.add_done_callback(partial(self._hand_over, job))

    def _submit(self, job: Job, token: CancelToken) -> PrefectFuture[Recording]:
        """Called in a context of its own, which the conversion's thread inherits: its token is this job's."""
        set_current_token(token)
        return convert.with_options(tags=[job_tag(job.job_id)]).submit(job, self._batch_id, self._settings)

    def cancel(self, job_id: str) -> None:
        """Have the conversion of one job stop, if it has not ended."""
        if token := self._tokens.get(job_id):
            token.cancel()

    def _hand_over(self, job: Job, conversion: PrefectFuture[Recording]) -> None:
        """Called in the thread that converted."""
        self._loop.call_soon_threadsafe(self._line_up, job, conversion)

    def _line_up(self, job: Job, conversion: PrefectFuture[Recording]) -> None:
        self._ended.append((job, conversion))
        self._news.set()

    @property
    def ended(self) -> deque[tuple[Job, PrefectFuture[Recording]]]:
        """The conversions that have ended and nobody has taken up yet, oldest first."""
        return self._ended

    async def wait(self, timeout_seconds: float) -> None:
        """Return when a conversion ends, or after the time-out."""
        self._news.clear()
        if not self._ended:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), timeout_seconds)
