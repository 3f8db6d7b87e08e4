"""The devices page: the devices, the work on them, their problems and the remedies."""

from concurrent.futures import Future, wait
from datetime import UTC, datetime
from typing import NamedTuple

import streamlit as st

from dashboard.client import SECONDS_A_PAGE_WAITS, Client, begin
from dashboard.frontend.gpus.cards import board_of
from dashboard.frontend.gpus.component import show_board
from dashboard.pages import batches
from dashboard.pages.notices import live
from tasks.errors import StoreUnavailable
from tasks.orchestration.status import BatchState, PoolStatus

SECONDS_BETWEEN_LOOKS = 2.0
BATCHES_LOOKED_AT = 10
"""Newest batches whose waiting jobs are counted; rarely more than a few run at a time."""

ADD_ONE = """\
There is no work pool that transcribes yet. `make up` makes one for each device of its machine; a device of another
machine joins with `make worker POOL=gpu-0`.
"""


_LOOKS = "looks at the devices"


class Look(NamedTuple):
    """The pools, and the number of jobs that wait for one; None if the store, which knows it, is away."""

    pools: tuple[PoolStatus, ...]
    jobs_queued: int | None


def show() -> None:
    """Show the page."""
    st.title("Devices")
    st.session_state.pop(_LOOKS, None)
    with st.spinner("Asking Prefect about the devices"):
        _look_ahead()
    _board()


@live(SECONDS_BETWEEN_LOOKS)
def _board() -> None:
    look = _look_ahead().result(timeout=0)
    if not look.pools:
        st.info(ADD_ONE, icon=":material/memory:")
        return
    batch_id = show_board(board_of(look.pools, jobs_queued=look.jobs_queued, now=datetime.now(UTC)))
    if batch_id:
        st.switch_page(st.Page(batches.show, title="Batches", url_path="batches"), query_params={"batch": batch_id})


def _look_ahead() -> Future[Look]:
    """
    Return the latest look and begin the next; only the first is waited for.

    A server that is slow to answer thus delays the news by as much, but fades and blocks nothing.
    """
    latest, coming = st.session_state.get(_LOOKS) or (None, begin(_look))
    if latest is None or coming.done():
        wait([coming], SECONDS_A_PAGE_WAITS)
        latest, coming = coming, begin(_look)
    st.session_state[_LOOKS] = (latest, coming)
    return latest


async def _look(client: Client) -> Look:
    pools = await client.overview.pools()
    try:
        page = await client.overview.batches(limit=BATCHES_LOOKED_AT)
    except StoreUnavailable:
        return Look(pools, None)
    running = (batch for batch in page.batches if batch.state is BatchState.RUNNING)
    return Look(pools, sum(batch.summary.queued for batch in running))
