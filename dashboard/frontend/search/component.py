"""The search as a Streamlit component: the browser gets what is found straight from the HTTP API."""

from pathlib import Path
from typing import Any, Final

import streamlit as st

from dashboard.frontend.modules import component_script

FOLDER: Final = Path(__file__).parent
KEY: Final = "search"

_search = st.components.v2.component(
    "transcript_search",
    html='<div class="finder">\n</div>',
    css=(FOLDER / "search.css").read_text(encoding="utf-8"),
    js=component_script("search/search.js"),
)


def show_search(query: str) -> Any:
    """Show the field and what is found for *query*. Of the result, ``batch`` is the id of one to go to."""
    return _search(
        key=KEY,
        data={"query": query},
        on_searched_change=_keep_query,
        on_opened_change=_open,
        on_batch_change=lambda: None,
    )


def _keep_query() -> None:
    """Put into the address what is searched, so that it can be bookmarked and gone back to."""
    searched = st.session_state[KEY].searched or ""
    if searched:
        st.query_params["q"] = searched
    else:
        st.query_params.pop("q", None)


def _open() -> None:
    """Go to a sentence: a job, and the second at which it is said."""
    st.query_params.from_dict(st.session_state[KEY].opened)
