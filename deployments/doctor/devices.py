"""
A look at the devices, their models, and whether they hear what is said in the shipped clip.

A device is tried as its worker will warm it up: in a process of its own, with the environment of that worker. That it
finds CUDA's libraries is so shown by loading them. A device that a worker has is left alone: the worker tried it, and
a second model might not fit.

``python -m deployments.doctor.devices`` is that process.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from deployments.doctor.findings import Finding, notice, right, wrong
from deployments.local.devices import DeviceUnavailable, find_devices
from deployments.local.environment import device_worker_environment
from deployments.local.models import WITHOUT_SPEAKERS, damaged_files, missing_models
from deployments.worker.upkeep import WARM_UP_VARIABLE, do
from tasks.devices import Device
from tasks.errors import TranscriptionError
from tasks.settings import Settings
from tasks.transcription.model_files import find_model
from tasks.transcription.models import model_for

TRIAL_SECONDS = 180.0
"""A large model takes a minute from a slow disk."""


def look_at_devices(settings: Settings, worker: str, at_work: Callable[[], bool]) -> Iterator[Finding]:
    """Say which devices and models there are, and whether they work; *at_work* says that their workers have them."""
    from deployments.worker.by_hand import device_for

    try:
        devices = find_devices(settings)
        devices = (device_for(worker, devices),) if worker else devices
    except DeviceUnavailable as error:
        yield wrong("device", str(error))
        return
    yield right("device", ", ".join(f"{device.name} ({device.title})" for device in devices))
    yield from _look_at_pinned(settings, devices)
    for device in _distinct(devices):
        model = model_for(settings.model, device_kind=device.kind)
        if find_model(model, settings.models_folder) is None:
            yield notice(
                "model", f"{model} is not here yet, so no device was tried. It is fetched before the first job."
            )
        elif at_work():
            yield right("known answer", f"{device.name} is left to its worker, which tries it itself")
        else:
            yield _try(settings, device, model)


def _look_at_pinned(settings: Settings, devices: Sequence[Device]) -> Iterator[Finding]:
    """Say which of the models whose sha256 is known are there, and whole."""
    from deployments.local.models import models_needed

    missing = missing_models(settings, devices)
    for model in models_needed(settings, devices):
        if model not in missing:
            yield right("model", f"{model.name} is here, with the published sha256")
        elif damaged := damaged_files(model, settings.models_folder):
            yield wrong(
                "model",
                f"{model.name} is damaged: {', '.join(damaged)} in {settings.models_folder / model.name} does not have "
                "the published sha256. The next start fetches it again: make up",
            )
        else:
            without = "" if model.repository else f" {WITHOUT_SPEAKERS}"
            yield notice("model", f"{model.name} is not here yet. The next start fetches it.{without}")


def _distinct(devices: Sequence[Device]) -> list[Device]:
    """Return every GPU, and one of the CPU's shares: they are the same processor."""
    cpus = [device for device in devices if device.kind == "cpu"]
    return [device for device in devices if device.kind != "cpu"] + cpus[:1]


def _try(settings: Settings, device: Device, model: str) -> Finding:
    """Return the finding about the device, after its worker's warm-up was done once."""
    environment = device_worker_environment(settings, device) | {"PREFECT_HOME": os.environ["PREFECT_HOME"]}
    try:
        trial = subprocess.run(
            [sys.executable, "-m", "deployments.doctor.devices"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return wrong(
            "known answer",
            f"{device.name} did not answer within {TRIAL_SECONDS:.0f} s. Look at it (nvidia-smi), or do without: "
            "BATCHSCRIBE_DEVICES=cpu",
        )
    if trial.returncode != 0:
        why = trial.stderr.strip().splitlines() or [f"its process ended with {trial.returncode}"]
        return wrong("known answer", f"{device.name} with the model {model}: {why[-1]}")
    took = trial.stdout.strip().splitlines()[-1]
    return right("known answer", f"{device.name} heard with {model} what the shipped clip says, in {took}")


def main() -> None:
    """Warm up as a worker's process does and print how long that took; or the reason why it failed."""
    began = time.monotonic()
    try:
        do(os.environ[WARM_UP_VARIABLE])
    except TranscriptionError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{time.monotonic() - began:.1f} s with imports and loading\n")


if __name__ == "__main__":
    main()
