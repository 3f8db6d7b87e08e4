"""A real device that a test can hold: see `holding`."""

from collections.abc import Callable
from pathlib import Path

from holding import hold

from tasks.transcription import local_recording
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.transcript import Transcript

_real = local_recording.transcribe


def _transcribe(
    engine: PlacedModel,
    audio_file: Path,
    options: object,
    *,
    name: str,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    **more: object,
) -> Transcript:
    hold(name, on_progress=on_progress, cancelled=cancelled)
    return _real(engine, audio_file, options, name=name, on_progress=on_progress, cancelled=cancelled, **more)


vars(local_recording).update(transcribe=_transcribe)
