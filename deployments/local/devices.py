"""
The devices of this machine: finding them, and choosing those to use.

``python -m deployments.local.devices`` prints them, one JSON record a line. `deployments.local.up` asks for them that
way, so that PyTorch and the CUDA driver's memory stay out of the process that lives as long as the installation.
"""

import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.devices import Device
from tasks.settings import Settings

MAX_CPU_DEVICES = 4
"""More models at once than this read so much memory that they slow each other down."""

GIB = 2**30
_POOL = re.compile(r"gpu-\d{1,4}")


class DeviceUnavailable(Exception):
    """The setting names a device that this machine does not have."""


class WrongPool(Exception):
    """The name given is not that of a device's pool."""


def checked_name(pool: str) -> str:
    """Return *pool* if it is the name of a pool of a device. Raises `WrongPool`."""
    if not _POOL.fullmatch(pool):
        msg = f"{pool} is no pool of a device. Name one as gpu- and a number, for example: make worker POOL=gpu-3"
        raise WrongPool(msg)
    return pool


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """A GPU as its driver describes it."""

    index: int
    title: str
    memory_bytes: int
    compute_types: frozenset[str]
    """Number formats that CTranslate2 calculates in efficiently on it; others it refuses."""
    uuid: str = ""


def choose_devices(setting: str, cuda: Sequence[CudaDevice], cores: int) -> tuple[Device, ...]:
    """
    Return the devices to transcribe on, one work pool each.

    *setting* is ``BATCHSCRIBE_DEVICES``: ``cuda:0,cuda:1``, ``cpu,cpu``, or empty for all that are found. That is every
    GPU; where there is none, one device for each of the *cores*, up to four, the cores shared out as threads (two
    devices with one thread each finish two recordings sooner than one device with two).

    They are named ``gpu-0``, ``gpu-1`` … in the order of the setting. Raises `DeviceUnavailable` for a device that
    this machine does not have.
    """
    wanted = [part.strip().lower() for part in setting.split(",") if part.strip()]
    if not wanted:
        wanted = [f"cuda:{gpu.index}" for gpu in cuda] or ["cpu"] * min(cores, MAX_CPU_DEVICES)
    repeated = sorted({part for part in wanted if part != "cpu" and wanted.count(part) > 1})
    if repeated:
        msg = f"BATCHSCRIBE_DEVICES names {repeated[0]} twice. A GPU is one device: name it once."
        raise DeviceUnavailable(msg)
    shares = enumerate(_shares(cores, wanted.count("cpu")))
    devices = (_cpu_device(*next(shares)) if part == "cpu" else _cuda_device(part, cuda) for part in wanted)
    return tuple(device.model_copy(update={"name": f"gpu-{number}"}) for number, device in enumerate(devices))


def _cpu_device(index: int, threads: int) -> Device:
    title = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    return Device(name="cpu", kind="cpu", index=index, title=title, cpu_threads=threads)


def _cuda_device(part: str, cuda: Sequence[CudaDevice]) -> Device:
    kind, _, number = part.partition(":")
    if kind != "cuda" or not number.isdecimal():
        msg = f"BATCHSCRIBE_DEVICES names {part!r}, which is no device. Write cuda:0,cuda:1 or cpu,cpu."
        raise DeviceUnavailable(msg)
    found = {gpu.index: gpu for gpu in cuda}
    gpu = found.get(int(number))
    if gpu is None:
        names = ", ".join(f"cuda:{index}" for index in sorted(found)) or "no GPU"
        msg = f"BATCHSCRIBE_DEVICES names {part}, but PyTorch finds {names} here. Name another, or write cpu."
        raise DeviceUnavailable(msg)
    compute_type, batch_size = _fitting(gpu)
    return Device(
        name=part,
        kind="cuda",
        index=gpu.index,
        uuid=gpu.uuid,
        title=f"{gpu.title}, {gpu.memory_bytes / GIB:.0f} GiB",
        memory_bytes=gpu.memory_bytes,
        compute_type=compute_type,
        batch_size=batch_size,
    )


def _fitting(gpu: CudaDevice) -> tuple[str, int]:
    """
    Return compute type and batch size for a GPU, by its memory and its capabilities.

    faster-whisper's README gives 6.1 GB for large-v2 in float16 at batch 8 and 4.5 GB in int8 (an RTX 3070 Ti); each
    further chunk adds about 0.4 GB. A start, not a promise: the engine halves the batch when memory runs out. GPUs
    before compute capability 7.0 have no fast float16: there it is int8, or as a last resort float32.
    """
    if gpu.memory_bytes < 6 * GIB:
        return _first_supported(gpu, "int8_float16", "int8_float32", "float32"), 4
    compute_type = _first_supported(gpu, "float16", "int8_float32", "float32")
    if gpu.memory_bytes < 10 * GIB:
        return compute_type, 8
    return compute_type, 16 if gpu.memory_bytes < 20 * GIB else 32


def _first_supported(gpu: CudaDevice, *compute_types: str) -> str:
    """Return the first that *gpu* supports, else the last."""
    return next((wanted for wanted in compute_types if wanted in gpu.compute_types), compute_types[-1])


def _shares(cores: int, devices: int) -> tuple[int, ...]:
    """Return the threads of each CPU device: the cores shared out, the first devices getting the remainder."""
    if devices == 0:
        return ()
    each, more = divmod(max(cores, devices), devices)
    return tuple(each + (number < more) for number in range(devices))


def find_cuda() -> tuple[CudaDevice, ...]:
    """
    Return the GPUs that PyTorch finds; none where PyTorch is not installed (``make up`` does without it).

    Raises `DeviceUnavailable` if there is one that CTranslate2 cannot use, for instance with an old driver.
    """
    if importlib.util.find_spec("torch") is None:
        return ()
    import torch

    found = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        found.append(
            CudaDevice(
                index=index,
                title=properties.name,
                memory_bytes=properties.total_memory,
                compute_types=_compute_types(index, properties.name),
                uuid=str(getattr(properties, "uuid", "")),  # PyTorch has it from 2.5 on
            )
        )
    return tuple(found)


def _compute_types(index: int, title: str) -> frozenset[str]:
    import ctranslate2

    try:
        return frozenset(ctranslate2.get_supported_compute_types("cuda", index))
    except (RuntimeError, ValueError) as exc:
        msg = (
            f"CTranslate2 cannot use the {title}, cuda:{index} ({exc}). "
            "Update its driver, or do without it: BATCHSCRIBE_DEVICES=cpu"
        )
        raise DeviceUnavailable(msg) from exc


def available_cores() -> int:
    """Return the number of cores this process may use, which in a container can be fewer than the machine has."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def find_devices(settings: Settings) -> tuple[Device, ...]:
    """
    Return the devices to use, looking for GPUs in a process of its own.

    Raises `DeviceUnavailable` with the sentence that says why there are none.
    """
    if _only_cpus(settings.devices) or (not settings.devices and importlib.util.find_spec("torch") is None):
        return choose_devices(settings.devices, (), available_cores())
    looking = subprocess.run(
        [sys.executable, "-m", "deployments.local.devices"], capture_output=True, text=True, timeout=120, check=False
    )
    if looking.returncode != 0:
        lines = looking.stderr.strip().splitlines()
        raise DeviceUnavailable(lines[-1] if lines else f"Looking for GPUs ended with {looking.returncode}.")
    return tuple(Device.model_validate_json(line) for line in looking.stdout.splitlines())


def _only_cpus(setting: str) -> bool:
    parts = {part.strip().lower() for part in setting.split(",") if part.strip()}
    return parts == {"cpu"}


def machine_name() -> str:
    """Return the name of this machine, by which users tell machines apart."""
    return platform.node() or "this machine"


def main() -> None:
    """Print the devices, one JSON record a line."""
    try:
        devices = choose_devices(Settings().devices, find_cuda(), available_cores())
    except DeviceUnavailable as error:
        sys.exit(str(error))
    for device in devices:
        sys.stdout.write(f"{device.model_dump_json()}\n")


if __name__ == "__main__":
    main()
