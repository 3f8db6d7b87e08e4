"""The GPUs page: which devices there are, and the work on them."""

import streamlit as st

from dashboard.client import ask


def show() -> None:
    """Show the page."""
    st.title("GPUs")
    pools = ask(lambda client: client.overview.pools())
    if not pools:
        st.info("There is no GPU work pool. Start one: make worker POOL=gpu-0")
        return
    st.dataframe([pool.model_dump() for pool in pools], hide_index=True, key="pools")
