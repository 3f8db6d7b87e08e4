"""
The real flow of a recording with an engine that hears nothing: it takes its device for as long as it is told.

The time a recording takes is in its file instead of sound. Each hold is noted with its start and end in a file of the
device. A real recording (scale.py converts one) takes a fifth of a second.
"""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulated_batch import AUDIO_PER_DEVICE_SECOND

import flows.transcribe_recording as flow
from tasks.options import TranscriptionOptions
from tasks.settings import Settings
from tasks.transcription import local_recording
from tasks.transcription.transcript import Segment, Transcript, Word

LONGEST_NUMBER = 32
REAL_RECORDING_SECONDS = 0.2

_device = threading.Lock()


def _hold(seconds: float) -> None:
    settings = Settings()
    name = settings.device.name if settings.device else "device"
    with _device, (settings.data / f"{name}.jsonl").open("a", encoding="utf-8") as log:
        taken = time.time()
        time.sleep(seconds)
        log.write(json.dumps([taken, time.time()]) + "\n")


def transcribe(
    engine: object,
    audio_file: Path,
    options: TranscriptionOptions,
    *,
    name: str,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    **of_the_recording: object,
) -> Transcript:
    """Hold the device as long as the file says, and return a word."""
    del engine, options, cancelled, of_the_recording
    content = audio_file.read_bytes()
    seconds = float(content) if len(content) < LONGEST_NUMBER else REAL_RECORDING_SECONDS
    _hold(seconds)
    on_progress(1.0)
    word = Word(text=f" {name}", start=0.0, end=1.0, probability=1.0)
    return Transcript(
        segments=(Segment(start=0.0, end=1.0, text=word.text, words=(word,)),),
        language="en",
        language_probability=1.0,
        model="simulated",
        audio_seconds=seconds * AUDIO_PER_DEVICE_SECOND,
    )


def _load_no_engine(*arguments: Any) -> None:
    del arguments


vars(local_recording).update(transcribe=transcribe)
vars(flow).update(load_engine=_load_no_engine)
transcribe_recording = flow.transcribe_recording
