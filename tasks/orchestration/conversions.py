"""Convert a batch's uploads when it is their turn, and line up the ends for the batch run's loop."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Iterable
from contextvars import copy_context
from functools import partial
from typing import Any

from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.batches import Batch, Job, Recording, job_tag
from tasks.cancellation import CancelToken, current_token, set_current_token
from tasks.media.conversion_slots import Slot, Turn, conversions_at_once, set_current_turn, turns_on_this_host
from tasks.media.convert import convert
from tasks.settings import Settings

MOST_PAUSING = 8
"""Maximum number of a batch's conversions that pause between two tries while others go on; each keeps a thread."""


SECONDS_AFTER_FAILURE = 1.0

logger = logging.getLogger(__name__)


def most_begun(settings: Settings) -> int:
    """Return the number of conversions of one batch that are begun, or asked for, at the same time."""
    return conversions_at_once(settings) + MOST_PAUSING


class ConversionThreads(ThreadPoolTaskRunner[Any]):
    """
    The threads of a batch's conversions. The flow's end does not wait for them.

    Prefect's runner does, in the event loop, where one upload that hangs would stop all runs of the process. It also
    has those fail that pause between two tries; here they end as Cancelled, by the run's own `CancelToken`.
    """

    def cancel_all(self) -> None:
        """Begin no more, and leave what was begun to its end: it was cancelled, or is to be done again."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)


class Conversions:
    """The conversions of a batch. They run in threads; each can be cancelled on its own, and all with the batch run."""

    def __init__(self, batch: Batch, settings: Settings) -> None:
        self._batch = batch
        self._settings = settings
        self._turns = turns_on_this_host(settings)
        self._loop = asyncio.get_running_loop()
        self._context = copy_context()
        self._token = current_token()
        self._waiting: dict[str, Job] = {}
        self._asked = 0
        self._begun: dict[str, CancelToken] = {}
        self._ended: deque[tuple[Job, PrefectFuture[Recording]]] = deque()
        self._news = asyncio.Event()
        self._token.add_callback(self._wake)

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._news.set)

    def start(self, jobs: Iterable[Job]) -> None:
        """Convert the uploads of *jobs*, as soon as it is their turn on this host."""
        self._waiting |= {job.job_id: job for job in jobs}
        self._ask()

    def _ask(self) -> None:
        """Ask for as many turns as there are conversions to begin; however many uploads wait, that is a few."""
        room = most_begun(self._settings) - len(self._begun) - self._asked
        for _ in range(min(room, len(self._waiting) - self._asked)):
            self._asked += 1
            self._turns.ask(self._batch, self._take_turn)

    def _take_turn(self, slot: Slot) -> None:
        """Begin a conversion; called in the thread of the turns. Raises `RuntimeError` if the loop is closed."""
        self._loop.call_soon_threadsafe(self._begin, slot)

    def _begin(self, slot: Slot) -> None:
        """Begin the conversion that has waited longest."""
        self._asked -= 1
        turn = Turn(self._turns, self._batch, slot)
        if not self._waiting:
            turn.end()
            return
        job = self._waiting.pop(next(iter(self._waiting)))
        token = self._begun[job.job_id] = CancelToken(parent=self._token)
        try:
            conversion = self._context.copy().run(self._submit, job, token, turn)
        except RuntimeError as error:  # no thread could be started
            logger.warning("The conversion of job %s did not begin (%s); trying again", job.job_id, error)
            turn.end()
            del self._begun[job.job_id]
            self._waiting[job.job_id] = job
            self._loop.call_later(SECONDS_AFTER_FAILURE, self._ask)
            return
        conversion.add_done_callback(partial(self._hand_over, job, turn))

    def _submit(self, job: Job, token: CancelToken, turn: Turn) -> PrefectFuture[Recording]:
        """Submit the conversion, in a context of its own that its thread inherits: token and turn are this job's."""
        set_current_token(token)
        set_current_turn(turn)
        tagged = convert.with_options(tags=[job_tag(job.job_id)])
        options = job.options.applied_to(self._batch.options)
        return tagged.submit(
            job,
            self._batch.batch_id,
            self._settings,
            options.audio_stream,
            measure_channels=options.speakers != "off",
        )

    def cancel_conversion(self, job_id: str) -> Job | None:
        """Have the conversion of one job stop. Return the job if it was not begun, and never will be."""
        if token := self._begun.get(job_id):
            token.cancel()
        return self._waiting.pop(job_id, None)

    def withdraw(self) -> list[Job]:
        """Begin no more conversions, and return the jobs whose conversions have not begun."""
        withdrawn = list(self._waiting.values())
        self._waiting.clear()
        return withdrawn

    def _hand_over(self, job: Job, turn: Turn, conversion: PrefectFuture[Recording]) -> None:
        """Hand over the ended conversion; called in the thread that converted."""
        turn.end()
        self._loop.call_soon_threadsafe(self._line_up, job, conversion)

    def _line_up(self, job: Job, conversion: PrefectFuture[Recording]) -> None:
        self._begun.pop(job.job_id, None)
        self._ended.append((job, conversion))
        self._news.set()
        self._ask()

    @property
    def ended(self) -> deque[tuple[Job, PrefectFuture[Recording]]]:
        """The conversions that have ended and have not been taken up yet, oldest first."""
        return self._ended

    async def wait(self, timeout_seconds: float) -> None:
        """Wait until a conversion ends or the batch is cancelled, or until the time-out."""
        self._news.clear()
        if not self._ended and not self._token.cancelled:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), timeout_seconds)
