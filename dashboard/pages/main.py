"""The frame of all pages: which there are, and what they share. Streamlit runs it as the script of the application."""

import streamlit as st

from dashboard.pages import batches, gpus, transcript, upload
from dashboard.pages.notices import problems_shown

st.set_page_config(page_title="Batchscribe", page_icon="🎙️", layout="wide")
page = st.navigation(
    [
        st.Page(upload.show, title="Upload", icon=":material/upload:", url_path="upload", default=True),
        st.Page(batches.show, title="Batches", icon=":material/stacks:", url_path="batches"),
        st.Page(transcript.show, title="Transcript", icon=":material/article:", url_path="transcript"),
        st.Page(gpus.show, title="GPUs", icon=":material/memory:", url_path="gpus"),
    ],
    position="top",
)
with problems_shown():
    page.run()
