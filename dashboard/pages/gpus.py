"""The GPUs page: which devices there are, the work on them, what is wrong with them and what to do."""

from datetime import UTC, datetime

import streamlit as st

from dashboard.board.cards import board_of
from dashboard.board.component import show_board
from dashboard.client import Client, ask
from dashboard.pages import batches
from dashboard.pages.notices import live
from tasks.core.errors import StoreUnavailable
from tasks.core.status import BatchState, PoolStatus

SECONDS_BETWEEN_LOOKS = 2.0
BATCHES_LOOKED_AT = 10
"""Newest batches whose waiting jobs are counted; more than a few hardly run at a time."""

ADD_ONE = """\
There is no GPU work pool yet. `make up` makes one for each device of its machine; a device of another machine joins
with `make worker POOL=gpu-0`.
"""


def show() -> None:
    """Show the page."""
    st.title("GPUs")
    with st.spinner("Asking Prefect about the GPUs"):
        ask(lambda client: client.overview.pools())  # a slow first answer is waited for here, where a person sees it
    _board()


@live(SECONDS_BETWEEN_LOOKS)
def _board() -> None:
    pools, jobs_queued = ask(_look)
    if not pools:
        st.info(ADD_ONE, icon=":material/memory:")
        return
    batch_id = show_board(board_of(pools, jobs_queued=jobs_queued, now=datetime.now(UTC)))
    if batch_id:
        st.switch_page(st.Page(batches.show, title="Batches", url_path="batches"), query_params={"batch": batch_id})


async def _look(client: Client) -> tuple[tuple[PoolStatus, ...], int | None]:
    """Return the pools and how many jobs wait for one; None for those if the store, which knows, is away."""
    pools = await client.overview.pools()
    try:
        page = await client.overview.batches(limit=BATCHES_LOOKED_AT)
    except StoreUnavailable:
        return pools, None
    running = (batch for batch in page.batches if batch.state is BatchState.RUNNING)
    return pools, sum(batch.summary.queued for batch in running)
