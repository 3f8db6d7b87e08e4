"""The choice of the Whisper model that transcribes a job, by name."""

import re
from typing import Literal

from tasks.errors import ModelUnavailable
from tasks.options import WhisperTask

AUTO = "auto"

SPEAKER_MODEL = "speakers"
"""Name of the model that tells speakers apart, and of its folder below the models' folder."""

SPEAKER_MODEL_FILE = "embedder.onnx"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?")


def model_for(wanted: str, *, device_kind: Literal["cuda", "cpu"], task: WhisperTask = WhisperTask.TRANSCRIBE) -> str:
    """
    Return the name of the model to use: *wanted*, or the one that suits the device if it is ``auto``.

    The turbo model was trained without translation and answers in the spoken language, so translations on a GPU get
    large-v3. Raises `ModelUnavailable` for what is not a name such as ``small`` or ``owner/name``.
    """
    if wanted == AUTO:
        if device_kind == "cpu":
            return "base"
        return "large-v3" if task is WhisperTask.TRANSLATE else "large-v3-turbo"
    if not _NAME.fullmatch(wanted):
        msg = f"{wanted} is not the name of a Whisper model. Write a name such as small, or owner/name of a repository."
        raise ModelUnavailable(msg)
    return wanted
