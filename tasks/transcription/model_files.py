"""Whisper models on this machine: found, fetched, loaded."""

from pathlib import Path

import ctranslate2
import httpx2
from faster_whisper import WhisperModel, available_models, download_model

from tasks.devices import Device
from tasks.errors import DeviceFailed, ModelUnavailable
from tasks.transcription.backend import device_error

SMALLER_NUMBERS = {"float32": "int8", "float16": "int8_float16", "bfloat16": "int8_bfloat16"}
"""CTranslate2's number formats, each with one that takes about half the memory and gives nearly the same texts."""


def smaller_numbers(device: Device, compute_type: str) -> str | None:
    """
    Return the number format to fall back to if memory runs out, or None if *device* has no smaller one.

    Raises `DeviceFailed` if the device does not answer.
    """
    smaller = SMALLER_NUMBERS.get(compute_type)
    try:
        supported = ctranslate2.get_supported_compute_types(device.kind, _device_index(device))
    except RuntimeError as exc:
        raise device_error(exc) from exc
    return smaller if smaller in supported else None


def load_model(device: Device, model: str, models_folder: Path, *, compute_type: str) -> WhisperModel:
    """
    Return *model* loaded on *device*; a name that is not in *models_folder* is downloaded into it first.

    On a CPU each thread is a worker of its own: two workers of one thread do more than one of two (a third more on
    short recordings), and they share the weights. Raises `ModelUnavailable`, `DeviceFailed` or `OutOfMemory`.
    """
    folder = locate_model(model, models_folder)
    on_cpu = device.kind == "cpu"
    try:
        return WhisperModel(
            str(folder),
            device=device.kind,
            device_index=_device_index(device),
            compute_type=compute_type,
            cpu_threads=1 if on_cpu else 0,
            num_workers=workers_of(device),
        )
    except (RuntimeError, ValueError, MemoryError) as exc:
        failure = device_error(exc)
        if isinstance(failure, DeviceFailed):
            raise failure from exc
        msg = f"The model {model} in {folder} cannot be loaded ({exc}). Remove it to fetch it anew."
        raise ModelUnavailable(msg) from exc


def _device_index(device: Device) -> int:
    """Return the index that CTranslate2 knows *device* by: to it there is but one CPU."""
    return 0 if device.kind == "cpu" else device.index


def workers_of(device: Device) -> int:
    """Return the number of threads that call the model at once: on a GPU one, since it works through one batch."""
    return device.cpu_threads if device.kind == "cpu" else 1


def locate_model(model: str, models_folder: Path) -> Path:
    """
    Return the folder of *model*: ``<models_folder>/<model>``, or where the Hugging Face Hub puts its download.

    Raises `ModelUnavailable` if there is none and it cannot be downloaded.
    """
    own_folder = models_folder / model
    if (found := find_model(model, models_folder)) is not None:
        return found
    if not _has_name(model):
        msg = f"There is no Whisper model {model}. Choose one of {', '.join(available_models())}."
        raise ModelUnavailable(msg)
    try:
        return _downloaded(model, models_folder, local_files_only=False)
    except (OSError, ValueError, httpx2.HTTPError) as exc:
        msg = (
            f"The model {model} is not on this machine and cannot be downloaded ({_first_line(exc)}). "
            f"Connect the machine to the internet once, or put the model's files into {own_folder}."
        )
        raise ModelUnavailable(msg) from exc


def find_model(model: str, models_folder: Path) -> Path | None:
    """Return the folder of *model*, or None if it is not on this machine. Nothing is downloaded."""
    own_folder = models_folder / model
    if (own_folder / "model.bin").is_file():
        return own_folder
    try:
        return _downloaded(model, models_folder, local_files_only=True) if _has_name(model) else None
    except OSError:  # not downloaded yet
        return None


def _has_name(model: str) -> bool:
    """Return whether *model* is the name of a Whisper model, or of a repository on the hub."""
    return "/" in model or model in available_models()


def _downloaded(model: str, models_folder: Path, *, local_files_only: bool) -> Path:
    return Path(download_model(model, cache_dir=str(models_folder), local_files_only=local_files_only))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
