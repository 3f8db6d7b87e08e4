"""Links between pages that stay in the running session: uploads and playback go on, which a new page load would end."""

from typing import NoReturn

import streamlit as st

from dashboard.pages.markdown import plain


def batch_link(batch_id: str, label: str, *, icon: str = ":material/arrow_back:") -> None:
    """Show a link to the page of one batch."""
    st.page_link(_page("batches"), label=plain(label), icon=icon, query_params={"batch": batch_id})


def batches_link(label: str) -> None:
    """Show a link to the list of batches."""
    st.page_link(_page("batches"), label=label, icon=":material/stacks:")


def transcript_link(job_id: str, label: str) -> None:
    """Show a link to the transcript of one job."""
    st.page_link(_page("transcript"), label=plain(label), icon=":material/article:", query_params={"job": job_id})


def go_to_transcript(job_id: str) -> NoReturn:
    """End this run of the script and show the transcript of one job."""
    st.switch_page(_page("transcript"), query_params={"job": job_id})


def go_to_batch(batch_id: str) -> NoReturn:
    """End this run of the script and show the page of one batch."""
    st.switch_page(_page("batches"), query_params={"batch": batch_id})


def go_to_upload() -> NoReturn:
    """End this run of the script and show the page that takes uploads."""
    st.switch_page(st.Page(_shown_elsewhere, url_path="", title="Upload", default=True))


def _page(url_path: str) -> st.Page:
    """Return the page with this address; Streamlit finds the one that `main` registered by its address alone."""
    return st.Page(_shown_elsewhere, url_path=url_path, title=url_path.capitalize())


def _shown_elsewhere() -> None:
    """Stand for a page that is shown by its own module."""
