"""The choice of the Whisper model that transcribes a job, by name."""

import re
from typing import Literal

from tasks.errors import ModelUnavailable, OptionInvalid
from tasks.options import JobOptions, TranscriptionOptions, WhisperTask
from tasks.settings import Settings

AUTO = "auto"

SPEAKER_MODEL = "speakers"
"""Name of the model that tells speakers apart, and of its folder below the models' folder."""

SPEAKER_MODEL_FILE = "embedder.onnx"

WHISPER_MODELS = (
    *(
        "tiny",
        "tiny.en",
        "base",
        "base.en",
        "small",
        "small.en",
        "medium",
        "medium.en",
        "large",
        "large-v1",
        "large-v2",
    ),
    *("large-v3", "large-v3-turbo", "turbo", "distil-small.en", "distil-medium.en", "distil-large-v2"),
    *("distil-large-v3", "distil-large-v3.5"),
)
"""Names of the Whisper models that are fetched from the hub by name."""

LANGUAGES = (
    *("af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da", "de", "el"),
    *("en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi", "hr", "ht", "hu", "hy"),
    *("id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb", "ln", "lo", "lt", "lv", "mg", "mi"),
    *("mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "oc", "pa", "pl", "ps", "pt", "ro", "ru"),
    *("sa", "sd", "si", "sk", "sl", "sn", "so", "sq", "sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl"),
    *("tr", "tt", "uk", "ur", "uz", "vi", "yi", "yo", "yue", "zh"),
)
"""Codes of the languages that Whisper knows."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?")


def check_options(options: TranscriptionOptions | JobOptions, settings: Settings) -> None:
    """
    Raise `OptionInvalid` if the model or the language that was chosen is none.

    Of *owner/name* only a worker that needs it can tell whether it is on the hub, or in its own folder of models.
    """
    model, language = options.model, options.language
    if language not in (None, AUTO, *LANGUAGES):
        msg = f"Whisper knows no language {language}. Choose auto, or one of {', '.join(LANGUAGES)}."
        raise OptionInvalid(msg)
    if model in (None, AUTO, settings.model, *WHISPER_MODELS) or _is_in_repository(model):
        return
    if not _NAME.fullmatch(model) or not (settings.models_folder / model / "model.bin").is_file():
        msg = (
            f"There is no model {model}. Choose auto or one of {', '.join(WHISPER_MODELS)}; owner/name of a repository "
            "of the Hugging Face Hub; or put a model of your own into a folder of that name in "
            f"{settings.models_folder}."
        )
        raise OptionInvalid(msg)


def _is_in_repository(model: str) -> bool:
    return "/" in model and _NAME.fullmatch(model) is not None


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
