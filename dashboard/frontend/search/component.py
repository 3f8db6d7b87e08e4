"""The search as a Streamlit component: the browser gets what is found straight from the HTTP API."""

from pathlib import Path
from typing import Any, Final

import streamlit as st

from dashboard.frontend.modules import component_script

FOLDER: Final = Path(__file__).parent
KEY: Final = "search"
PARAMETERS: Final = ("q", "language", "period", "batch", "tag")
"""Those of the address: words, code of a language, age of the batch, id of a batch, tag of batches."""

_search = st.components.v2.component(
    "transcript_search",
    html='<div class="finder">\n</div>',
    css=(FOLDER / "search.css").read_text(encoding="utf-8"),
    js=component_script("search/search.js"),
)


def show_search() -> Any:
    """Show the field and what is found for the address. Of the result, ``batch`` is the id of one to go to."""
    return _search(
        key=KEY,
        data={"wanted": {name: st.query_params[name] for name in PARAMETERS if name in st.query_params}},
        on_searched_change=_keep,
        on_opened_change=_open,
        on_batch_change=lambda: None,
    )


def _keep() -> None:
    """Put into the address what is searched, so that it can be bookmarked and gone back to."""
    searched = st.session_state[KEY].searched or {}
    st.query_params.from_dict({name: searched[name] for name in PARAMETERS if searched.get(name)})


def _open() -> None:
    """Go to a sentence: a job, and the second at which it is said."""
    st.query_params.from_dict(st.session_state[KEY].opened)
