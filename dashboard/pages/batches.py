"""The batches page: which batches there are, and what became of one."""

import streamlit as st

from dashboard.client import ask, ui_url
from tasks.core.status import BatchListEntry

BATCHES_SHOWN = 20


def show() -> None:
    """Show the page."""
    st.title("Batches")
    st.link_button("Runs in Prefect", ui_url())
    page = ask(lambda client: client.overview.batches(limit=BATCHES_SHOWN))
    if not page.batches:
        st.info("There are no batches yet.")
        return
    st.dataframe([_row(batch) for batch in page.batches], hide_index=True, key="batches")
    if page.total > len(page.batches):
        st.caption(f"The newest {len(page.batches)} of {page.total} batches.")


def _row(batch: BatchListEntry) -> dict[str, object]:
    summary = batch.summary
    return {
        "Batch": batch.name,
        "State": batch.state.value,
        "Made": batch.created_at,
        "Jobs": summary.total,
        "Done": summary.done,
        "Failed": summary.failed,
        "Cancelled": summary.cancelled,
        "Audio (min)": round(summary.audio_seconds / 60, 1),
        "Id": batch.batch_id,
    }
