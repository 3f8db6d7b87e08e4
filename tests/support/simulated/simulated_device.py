"""
A device that computes nothing: it hears one sentence in each recording, at once or when a test lets it (`holding`).

Recordings whose names begin with `SILENT` have no speech.
"""

import time
from collections.abc import Callable
from pathlib import Path

from holding import hold, is_held

import flows.transcribe_recording as flow
from tasks.errors import NoSpeech
from tasks.transcription import local_recording
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.shared_parts import SharedParts
from tasks.transcription.transcribe import NO_SPEECH
from tasks.transcription.transcript import Segment, Transcript, Word

SILENT = "silent"


def _transcribe(
    engine: PlacedModel,
    _audio_file: Path,
    _options: object,
    *,
    name: str,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    shared: SharedParts | None = None,
    **_more: object,
) -> Transcript:
    if shared is not None:
        shared.take()
    hold(name, on_progress=on_progress, cancelled=cancelled)
    if name.startswith(SILENT):
        raise NoSpeech(NO_SPEECH)
    words = tuple(
        Word(text=f" {word}", start=at, end=at + 1.0, probability=0.9) for at, word in enumerate(("This", "is", name))
    )
    segment = Segment(start=0.0, end=3.0, text="".join(word.text for word in words), words=words)
    return Transcript(
        segments=(segment,), language="en", language_probability=1.0, model=engine.model, audio_seconds=3.0
    )


def _help_transcribe(
    _engine: PlacedModel,
    _audio_file: Path,
    _options: object,
    *,
    name: str,
    cancelled: Callable[[], bool],
    shared: SharedParts,
    **_more: object,
) -> None:
    while is_held(name) and next(shared.left_over(), None) is not None:
        if cancelled():
            raise TranscriptionCancelled
        time.sleep(0.2)


def _load_nothing(_engine: PlacedModel) -> None:
    pass


vars(local_recording).update(transcribe=_transcribe, help_transcribe=_help_transcribe)
vars(flow).update(load_engine=_load_nothing)
