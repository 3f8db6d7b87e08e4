"""
Known-answer test: a device must hear what is said in a clip that comes with the code.

A driver that does not fit CTranslate2's libraries, a damaged model or broken memory can give empty or senseless texts
without any error. The test is done with each model that is loaded before jobs come, on the way that their sound takes:
decoded, searched for speech, encoded, written down, its words placed.
"""

import re
import time
from difflib import SequenceMatcher
from pathlib import Path

from faster_whisper import available_models

from tasks.errors import DeviceFailed
from tasks.options import WhisperTask
from tasks.transcription.backend import ChunkText
from tasks.transcription.model_manager import LoadedModel
from tasks.transcription.sound import decode
from tasks.transcription.vad import CHUNK_SECONDS, find_speech

CLIP = Path(__file__).with_name("known_answer.mp3")
SAID = "Yes, the recording is running, and we can start now."
"""Spoken text of the clip, in English, which every model of Whisper knows."""

LEAST_FIT = 0.5
"""Share of the words that must be right. tiny.en has all of them; garbage has one or two by chance."""

LONGEST_REPETITION = 2.4
"""Compression ratio above which Whisper's own rule takes a text for a runaway."""

CPU_WINDOW_SECONDS = 10
"""On a CPU the clip, of less than 6 s, is padded to this only: that takes a third of the time of 30 s."""

_WORD = re.compile(r"[^\W_]+")


class WrongAnswer(DeviceFailed):
    """The device works without an error, and what it writes is not what was said."""


def check_answer(loaded: LoadedModel) -> float:
    """
    Have the model hear the clip; return the seconds that took.

    Raises `WrongAnswer` if the text is not what is said, `DeviceFailed` if there is none.
    """
    began = time.monotonic()
    backend, device = loaded.backend, loaded.placed.device
    speech = find_speech(decode(CLIP, name=CLIP.name, cancelled=_never), cancelled=_never)
    decoding = backend.decoding("en", WhisperTask.TRANSCRIBE, ())
    window = CPU_WINDOW_SECONDS if device.kind == "cpu" else CHUNK_SECONDS
    chunks = (backend.chunk(spoken, decoding, window_seconds=window) for spoken in speech.chunks)
    texts = [text for _, text in loaded.engine.texts(chunks, cancelled=_never)]
    if not fits(texts, model=loaded.placed.model):
        heard = " ".join(text.text.strip() for text in texts)
        msg = (
            f"The device passes no known-answer test: of the shipped clip, “{SAID}”, {loaded.placed.model} made "
            f"“{heard[:80]}”. Update the driver of the GPU and install again (make clean, then make up), fetch the "
            "model again (delete its folder in data/models), or do without the device: BATCHSCRIBE_DEVICES=cpu"
        )
        raise WrongAnswer(msg)
    return time.monotonic() - began


def fits(texts: list[ChunkText], *, model: str) -> bool:
    """
    Return whether *texts* are what is said in the clip, give or take what models and number formats differ in.

    A model that was trained further may write another language, so of one that is not Whisper's own only an empty text
    or a runaway is wrong.
    """
    heard = _WORD.findall(" ".join(text.text for text in texts).lower())
    if model not in available_models():
        return bool(heard) and all(text.compression_ratio <= LONGEST_REPETITION for text in texts)
    said = _WORD.findall(SAID.lower())
    alike = sum(block.size for block in SequenceMatcher(None, said, heard, autojunk=False).get_matching_blocks())
    return alike / max(len(said), len(heard)) >= LEAST_FIT


def _never() -> bool:
    return False
