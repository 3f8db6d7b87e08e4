"""The transcript page: what was said in one recording."""

import streamlit as st


def show() -> None:
    """Show the page of the job that the address names: ``?job=…``."""
    st.title("Transcript")
    job_id = st.query_params.get("job", "")
    if not job_id:
        st.info("Open a job's transcript from its batch.")
        return
    st.link_button("Download text", f"/api/jobs/{job_id}/documents/txt")
