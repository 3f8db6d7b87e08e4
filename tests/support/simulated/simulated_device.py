"""
A device that computes nothing: it hears one sentence in each recording, at once or when a test lets it.

While there is a file `HOLD` in the data folder, recordings whose names contain its content are being listened to.
"""

import time
from collections.abc import Callable
from pathlib import Path

import flows.transcribe_recording as real
from tasks.settings import Settings
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.transcript import Segment, Transcript, Word

HOLD = "held-recordings"


def _is_held(name: str) -> bool:
    try:
        return (Settings().data / HOLD).read_text() in name
    except FileNotFoundError:
        return False


def _transcribe(
    engine: PlacedModel,
    _audio_file: Path,
    _options: object,
    *,
    name: str,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    **_more: object,
) -> Transcript:
    on_progress(0.5)
    while _is_held(name):
        if cancelled():
            raise TranscriptionCancelled
        time.sleep(0.05)
    words = tuple(
        Word(text=f" {word}", start=at, end=at + 1.0, probability=0.9) for at, word in enumerate(("This", "is", name))
    )
    segment = Segment(start=0.0, end=3.0, text="".join(word.text for word in words), words=words)
    return Transcript(
        segments=(segment,), language="en", language_probability=1.0, model=engine.model, audio_seconds=3.0
    )


def _load_nothing(_engine: PlacedModel) -> None:
    pass


vars(real).update(transcribe=_transcribe, load_engine=_load_nothing)
