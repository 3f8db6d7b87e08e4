"""The voice in a recording that has just been made, where its stream or its mix is in doubt."""

import math
from pathlib import Path

from tasks.cancellation import current_token

BLOCK_SECONDS = 60


def voice_seconds(recording: Path, *, enough: float = math.inf) -> float:
    """
    Return the seconds in which the voice detector hears a voice. It stops listening after *enough* of them.

    An hour takes some 8 s of one core. The detector is imported when it is first needed, which is seldom: it costs a
    process that converts some 80 MB. Raises `RunCancelled`.
    """
    from tasks.transcription.sound import SAMPLE_RATE, blocks
    from tasks.transcription.vad import find_speech

    token, heard = current_token(), 0.0
    for block in blocks(recording, samples=BLOCK_SECONDS * SAMPLE_RATE):
        token.raise_if_cancelled()
        heard += find_speech(block, cancelled=lambda: False).speech_seconds
        if heard >= enough:
            break
    return heard
