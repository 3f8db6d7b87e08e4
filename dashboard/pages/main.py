"""The frame of all pages: their navigation and shared parts. Streamlit runs it as the script of the application."""

from importlib.metadata import version
from pathlib import Path

import streamlit as st

from dashboard.client import ui_url
from dashboard.frontend.health.component import show_banner
from dashboard.pages import batches, gpus, inbox, transcript, upload, usage
from dashboard.pages.notices import come_back, forget_problem, problems_shown

PICTURES = Path(__file__).parents[1] / "frontend" / "pictures"
# Streamlit dims elements while it renders them again, and these pages refresh every few seconds while people read. It
# frames the whole page after a click on what takes no focus. On a narrow screen it hides the navigation, and with it
# the name of the page. What is told of an upload comes from the uploader (frontend/shared/beacon.js).
# A comment, since Streamlit would show a text that stands here.
STYLE = """\
<style>
[data-stale='true'], [data-testid='stExpander'] summary { opacity: 1 !important; transition: none !important; }
[data-testid='stMain']:focus, [data-testid='stMain']:focus-visible { outline: none; box-shadow: none; }
[data-testid='stTopNavLink'][data-upload]::after, [data-testid='stSidebarNavLink'][data-upload]::after {
  content: attr(data-upload); padding-left: 0.5em; font-size: 0.875em; font-weight: 600;
}
@media (max-width: 767px) {
  [data-testid='stHeader']::after {
    content: var(--page); position: absolute; right: 1.25rem; top: 50%; transform: translateY(-50%); font-weight: 600;
  }
  [data-testid='stHeader'][data-upload]::after { content: attr(data-upload); }
}
</style>
"""

page = st.navigation(
    [
        st.Page(upload.show, title="Upload", url_path="", default=True),
        st.Page(batches.show, title="Batches", url_path="batches"),
        st.Page(inbox.show, title="Inbox", url_path="inbox"),
        st.Page(transcript.show, title="Transcripts", url_path="transcript"),
        st.Page(gpus.show, title="Devices", url_path="gpus"),
        st.Page(usage.show, title="Usage", url_path="usage"),
    ],
    position="top",
)
# A picture of ours, and no icons of pages: the browser would fetch those from a font server, as icons of the tab.
st.set_page_config(page_title=f"{page.title} · Batchscribe", page_icon=PICTURES / "mark.svg", layout="wide")
st.logo(PICTURES / "logo.svg", size="large")
st.html(STYLE)
st.html(f"<style>:root {{ --page: '{page.title}'; }}</style>")
show_banner()
forget_problem()
with problems_shown():
    page.run()
come_back()
st.markdown(
    f":small[Batchscribe {version('batchscribe')} · [Runs and logs in Prefect]({ui_url()}) · [HTTP API](/api/docs)]"
)
