"""Recordings that a device listens to until a test lets it go on."""

import time
from collections.abc import Callable

from tasks.settings import Settings
from tasks.transcription.backend import TranscriptionCancelled

HOLD = "held-recordings"
"""The file in the data folder that names them: recordings whose names contain its content are held."""

CREEP = 0.00005
"""Share of a recording that is done in each twentieth of a second while it is held: it would take hours."""


def is_held(name: str) -> bool:
    """Return whether the recording is held."""
    try:
        return (Settings().data / HOLD).read_text() in name
    except FileNotFoundError:
        return False


def hold(name: str, *, on_progress: Callable[[float], None], cancelled: Callable[[], bool]) -> None:
    """Return as soon as the recording is not held. Raises `TranscriptionCancelled`."""
    progress = 0.02
    on_progress(progress)
    while is_held(name):
        if cancelled():
            raise TranscriptionCancelled
        time.sleep(0.05)
        progress = min(progress + CREEP, 0.9)
        on_progress(progress)
