"""
The uploader as Streamlit mounts it.

It sends files itself, straight to ``POST /api/upload``: they never pass through the page's script, which only learns
which batch was started.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.frontend.modules import SAMPLE_ADDRESS, component_script
from dashboard.frontend.uploader.choices import AUDIO_STREAMS, MODELS, SPEAKER_COUNTS
from tasks.media.formats import MEDIA_ENDINGS, MEDIA_STARTS, OTHER_STARTS, START_BYTES
from tasks.names import DEFAULT_FORMATS, DocumentFormat
from tasks.transcription.models import LANGUAGES

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class StartedBatch:
    """A batch whose files have all arrived and which has been started."""

    batch_id: str


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def _component() -> Any:
    return st.components.v2.component(
        "batchscribe_uploader",
        html=_read("uploader.html"),
        css=_read("uploader.css"),
        js=component_script("uploader/uploader.js"),
    )


def uploader(*, parallel_uploads: int, max_file_bytes: int, reads_links: bool) -> StartedBatch | None:
    """Show the uploader. Returns a batch in the one run of the script after it was started."""
    constants = {
        "parallelUploads": parallel_uploads,
        "maxFileBytes": max_file_bytes,
        "readsLinks": reads_links,
        "sample": SAMPLE_ADDRESS,
        "endings": sorted(MEDIA_ENDINGS),
        "starts": {"bytes": START_BYTES, "media": _marks(MEDIA_STARTS), "others": _marks(OTHER_STARTS)},
        "models": MODELS,
        "languages": LANGUAGES,
        "speakerCounts": SPEAKER_COUNTS,
        "audioStreams": AUDIO_STREAMS,
        "formats": [
            {"value": each.value, "description": each.description, "usual": each in DEFAULT_FORMATS}
            for each in DocumentFormat
        ],
    }
    # The key is what keeps the component's identity from one run to the next, whatever is around it.
    result = _component()(key="uploader", data=constants, on_started_change=_noticed)
    started = result.started
    return StartedBatch(started["batch_id"]) if started else None


def _marks(starts: Iterable[Iterable[tuple[int, bytes]]]) -> list[list[tuple[int, str]]]:
    return [[(offset, mark.hex()) for offset, mark in marks] for marks in starts]


def _noticed() -> None:
    """Make Streamlit run the script when a batch was started; the result itself names the batch."""
