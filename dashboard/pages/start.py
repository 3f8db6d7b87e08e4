"""The first page: which batches there are, and how to make one."""

import streamlit as st

from dashboard.client import ask, ui_url
from tasks.core.errors import TranscriptionError
from tasks.core.status import BatchListEntry

BATCHES_SHOWN = 20
HOW_TO = """\
address={address}/api
batch=$(curl -s -X POST $address/batch -H 'Content-Type: application/json' -d '{{"name": "Interviews"}}' \\
  | python3 -c 'import json, sys; print(json.load(sys.stdin)["batch_id"])')
curl -T interview.mp3 -X POST "$address/upload?batch_id=$batch&path=interview.mp3"
curl -X POST $address/batch/$batch/start
curl $address/batch/$batch
curl -o results.zip $address/batch/$batch/results.zip
"""


def main() -> None:
    """Show the page."""
    st.set_page_config(page_title="Batchscribe", page_icon="🎙️", layout="wide")
    st.title("Batchscribe")
    st.write("Upload recordings, start the batch, fetch text, subtitles and JSON.")
    with st.container(horizontal=True):
        st.link_button("HTTP API", "/api/docs")
        st.link_button("Runs in Prefect", ui_url())
    _show_batches()
    st.subheader("Upload from a terminal")
    st.code(HOW_TO.format(address=_address()), language="bash")


def _show_batches() -> None:
    st.subheader("Batches")
    try:
        page = ask(lambda client: client.overview.batches(limit=BATCHES_SHOWN))
    except TranscriptionError as error:
        st.error(str(error))
        return
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


def _address() -> str:
    return (st.context.url or "").rstrip("/")


main()
