"""The transcription options: of a batch, and what a job has differently."""

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tasks.names import DEFAULT_FORMATS, DocumentFormat

MOST_SPEAKERS = 20
MOST_AUDIO_STREAMS = 50
_NUMBER = re.compile("[1-9][0-9]?")


class WhisperTask(StrEnum):
    """Whisper's task: transcribe the speech, or translate it into English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


class ChineseScript(StrEnum):
    """The script that Chinese is written in. Whisper changes between the two within a recording."""

    AUTO = "auto"
    """The one that Whisper writes most of a recording in."""

    SIMPLIFIED = "simplified"
    TRADITIONAL = "traditional"

    OFF = "off"
    """As Whisper writes it."""


def _speakers(chosen: object) -> object:
    number = int(chosen) if isinstance(chosen, str) and _NUMBER.fullmatch(chosen) else chosen
    if number in ("off", "auto") or (type(number) is int and 1 <= number <= MOST_SPEAKERS):
        return number
    msg = f"write off, auto or the number of speakers, from 1 to {MOST_SPEAKERS}"
    raise ValueError(msg)


def _auto_is_zero(chosen: object) -> object:
    return 0 if chosen == "auto" else chosen


SpeakerChoice = Annotated[
    Literal["off", "auto"] | Annotated[int, Field(ge=1, le=MOST_SPEAKERS)], BeforeValidator(_speakers)
]
"""Tell the speakers apart: not at all, as many as are found, or so many."""

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,100}$", description="Whisper model, or auto")]
LanguageCode = Annotated[str, Field(pattern=r"^(auto|[a-z]{2,3})$", description="Language code, or auto")]
StreamNumber = Annotated[
    int,
    Field(
        ge=0,
        le=MOST_AUDIO_STREAMS,
        description="Audio stream to transcribe, counted from 1; 0, or auto, takes the one with speech",
    ),
    BeforeValidator(_auto_is_zero),
]
Term = Annotated[str, Field(max_length=100)]
"""A word to expect. Whisper reads some 200 tokens of such words; Prefect takes 512 KiB of a run's parameters."""


class TranscriptionOptions(BaseModel):
    """The transcription options for the uploads of a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName = "auto"
    language: LanguageCode = "auto"
    task: WhisperTask = WhisperTask.TRANSCRIBE
    vocabulary: tuple[Term, ...] = Field(default=(), max_length=200, description="Words to expect: names, terms")
    formats: tuple[DocumentFormat, ...] = Field(default=DEFAULT_FORMATS, min_length=1)
    audio_stream: StreamNumber = 0
    speakers: SpeakerChoice = Field(default="off", description="Tell them apart: off, auto, or how many there are")
    chinese_script: ChineseScript = Field(
        default=ChineseScript.AUTO,
        description="Script of Chinese: simplified, traditional, auto (one for each recording: that of most of it), "
        "or off (as the model writes it)",
    )


def _is_none(value: object) -> bool:
    return value is None


class JobOptions(BaseModel):
    """The options that one upload has differently from its batch; what is null, or left out, is as in the batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: LanguageCode | None = Field(default=None, exclude_if=_is_none)
    model: ModelName | None = Field(default=None, exclude_if=_is_none)
    speakers: SpeakerChoice | None = Field(default=None, exclude_if=_is_none)
    audio_stream: StreamNumber | None = Field(default=None, exclude_if=_is_none)

    def applied_to(self, options: TranscriptionOptions) -> TranscriptionOptions:
        """Return the options of the upload in a batch with *options*."""
        return options.model_copy(update=self.model_dump())

    def differing_from(self, options: TranscriptionOptions) -> "JobOptions":
        """Return these without the ones that are the same in *options*."""
        chosen = self.model_dump(include=set(JobOptions.model_fields))
        return JobOptions.model_validate(
            {name: value for name, value in chosen.items() if value != getattr(options, name)}
        )
