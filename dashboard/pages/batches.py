"""
The batches page: a list of all batches, or the details of one: ``?batch=…``.

The browser gets the content straight from the HTTP API: a page left open for hours costs an answer of the API every
now and then, not a run of this script. The script only chooses between the two views.
"""

import streamlit as st

from dashboard.frontend.modules import FRONTEND, component_script
from dashboard.pages.links import go_to_transcript, go_to_upload
from tasks.names import shown_name

STYLES = ("batches/views.css", "batches/batch.css", "shared/name_field.css")
FILTERS = ("search", "tag", "state")
"""Those of the list that are part of its address."""

BATCHES_SHOWN_ELSEWHERE = 5

_view = st.components.v2.component(
    "batchscribe_batches",
    html='<div class="view">\n</div>',
    js=component_script("batches/views.js"),
    css="\n".join((FRONTEND / name).read_text(encoding="utf-8") for name in STYLES),
)


def show() -> None:
    """Show the batch that the address names, or all batches."""
    batch_id = st.query_params.get("batch", "")
    if batch_id:
        batch = _view(
            key="batch",
            data={"batch_id": batch_id},
            on_left_change=_leave,
            on_tagged_change=_show_tag,
            on_dismissed_change=_leave,
            on_transcript_change=_stay,
        )
        if batch.transcript:
            go_to_transcript(batch.transcript)
        return
    st.title("Batches")
    batches = _view(
        key="batches",
        data={
            "notice": st.session_state.pop("batches_notice", ""),
            "wanted": {name: st.query_params[name] for name in FILTERS if name in st.query_params},
        },
        on_opened_change=_open,
        on_filtered_change=_keep_filters,
        on_upload_change=_stay,
    )
    if batches.upload:
        go_to_upload()


def show_recent() -> None:
    """Show the newest batches, on another page than this one."""
    recent = _view(key="recent", data={"recent": BATCHES_SHOWN_ELSEWHERE}, on_opened_change=_stay)
    if recent.opened:
        st.switch_page(st.Page(show, url_path="batches"), query_params={"batch": recent.opened})


def _open() -> None:
    """Go to the batch whose name was clicked."""
    st.query_params["batch"] = st.session_state["batches"].opened


def _keep_filters() -> None:
    """Put into the address which batches are looked for."""
    wanted = st.session_state["batches"].filtered or {}
    st.query_params.from_dict({name: wanted[name] for name in FILTERS if wanted.get(name)})


def _show_tag() -> None:
    """Go to the list of the batches that have a tag."""
    st.query_params.from_dict({"tag": st.session_state["batch"].tagged})


def _stay() -> None:
    """Do nothing: another page can only be shown by the script itself."""


def _leave() -> None:
    """Go back to all batches, and say there which one was dismissed."""
    st.query_params.pop("batch", None)
    dismissed = st.session_state["batch"].dismissed
    if dismissed:
        st.session_state["batches_notice"] = f"“{shown_name(dismissed)}” was dismissed."
