"""
The component that shows one transcript, plays its recording and edits its text.

Its scripts run in the reader's browser and fetch the documents and the recording from the HTTP API, so that a long
transcript passes neither through Streamlit's script nor through its websocket.
"""

from pathlib import Path
from typing import Final

import streamlit as st

from dashboard.frontend.modules import component_script
from dashboard.services.transcripts import ReadableJob

FOLDER: Final = Path(__file__).parent
STYLES: Final = (
    FOLDER / "player.css",
    FOLDER.parent / "editor" / "editor.css",
    FOLDER.parent / "shared" / "name_field.css",
)

_player = st.components.v2.component(
    "transcript_player",
    html=(FOLDER / "player.html").read_text(encoding="utf-8"),
    css="\n".join(path.read_text(encoding="utf-8") for path in STYLES),
    js=component_script("player/player.js"),
)


def show_player(readable: ReadableJob, *, at: float | None = None) -> None:
    """
    Show the transcript of the job, from the second *at* on if that is given.

    Playback goes on when Streamlit runs the page's script again.
    """
    job, recording = readable.job, readable.recording
    _player(
        key=f"transcript-{job.job_id}",
        data={
            "job_id": job.job_id,
            "path": job.path,
            "title": readable.title,
            "formats": [{"value": each.value, "label": each.label} for each in readable.formats],
            "has_recording": recording is not None,
            "has_video": readable.video is not None,
            "offset_seconds": recording.offset_seconds if recording else 0.0,
            "at": at,
        },
    )
