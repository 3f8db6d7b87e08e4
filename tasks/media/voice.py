"""
The voice in a recording that has just been made: where it is, and how much of it where stream or mix are in doubt.

The detector is imported when it is first needed. It costs a process that converts some 60 MB, and for an hour of sound
8 s of one core.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.cancellation import RunCancelled, current_token

if TYPE_CHECKING:
    from tasks.transcription.speech_plan import SpeechPlan

BLOCK_SECONDS = 60


def plan_speech_in(sound: Path) -> "SpeechPlan":
    """
    Return the plan of the speech in the file *sound*, mono at 16 kHz, samples of 16 bits.

    The file is read as it is needed: many hours take little memory. Raises `RunCancelled`.
    """
    import numpy as np

    from tasks.transcription.backend import TranscriptionCancelled
    from tasks.transcription.vad import plan_speech

    token, empty = current_token(), not sound.stat().st_size  # nothing cannot be mapped
    samples = np.zeros(0, np.int16) if empty else np.asarray(np.memmap(sound, np.int16, mode="r"))
    try:
        return plan_speech(samples, cancelled=lambda: token.cancelled)
    except TranscriptionCancelled as stopped:
        raise RunCancelled from stopped


def voice_seconds(recording: Path, *, enough: float = math.inf) -> float:
    """Return the seconds in which a voice is heard. Listening stops after *enough* of them. Raises `RunCancelled`."""
    from tasks.transcription.sound import SAMPLE_RATE, blocks
    from tasks.transcription.vad import find_speech

    token, heard = current_token(), 0.0
    for block in blocks(recording, samples=BLOCK_SECONDS * SAMPLE_RATE):
        token.raise_if_cancelled()
        heard += find_speech(block, cancelled=lambda: False).speech_seconds
        if heard >= enough:
            break
    return heard
