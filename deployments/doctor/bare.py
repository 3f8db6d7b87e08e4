"""A look at a machine on which nothing need be installed yet. Standard library only."""

import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deployments.doctor.findings import Finding, Findings, guarded, notice, right, wrong

NVIDIA = "0x10de"
DISPLAY_CLASS = "0x03"
DRIVER_SECONDS = 20.0
ENCODER = " libmp3lame "


def look_at_bare_machine(project: Path) -> Findings:
    """Yield what can be told without any package of ours."""
    yield right("Python", f"{platform.python_version()} ({sys.executable})")
    yield from guarded("packages", lambda: _look_at_packages(project))
    yield from guarded("GPU driver", _look_at_driver)
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        yield from guarded("ffmpeg", _look_for_ffmpeg)


def _look_at_packages(project: Path) -> Iterator[Finding]:
    """Say whether that is installed which the locks name, by the stamps that make leaves."""
    if importlib.util.find_spec("prefect") is None:
        missing = "" if importlib.util.find_spec("ensurepip") else " It needs Python's venv module, which is missing."
        if missing:
            yield wrong("packages", f"Nothing is installed yet.{missing} Install it: apt-get install python3-venv")
            return
        yield notice("packages", "Nothing is installed yet, so most was not looked at. Install and start: make up")
        return
    kind = "gpu" if shutil.which("nvidia-smi") else "run"
    stamp, lock = project / ".venv" / f"{kind}.stamp", project / "deployments" / "requirements" / f"{kind}.txt"
    if not stamp.exists():
        yield notice("packages", f"They were not installed by make, or not those of {lock.name}. make up installs them")
    elif stamp.stat().st_mtime < lock.stat().st_mtime:
        yield notice("packages", f"They are older than {lock.name}. make up brings them up to date")
    else:
        yield right("packages", f"Installed as {lock.name} names them")


def _look_at_driver() -> Iterator[Finding]:
    """Say which GPUs of NVIDIA are built in, and what their driver says."""
    built_in = sum(map(_is_nvidia_gpu, Path("/sys/bus/pci/devices").glob("*")))
    program = shutil.which("nvidia-smi")
    if program is None:
        if built_in:
            yield wrong(
                "GPU driver",
                f"{built_in} NVIDIA GPU{'s are' if built_in > 1 else ' is'} built in, but nvidia-smi is not there. "
                "Install NVIDIA's driver, or do without: BATCHSCRIBE_DEVICES=cpu",
            )
        else:
            yield right("GPU driver", "No NVIDIA GPU is built in, so the CPU transcribes")
        return
    command = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=DRIVER_SECONDS, check=False)
    if said.returncode != 0:
        why = (said.stdout + said.stderr).strip().splitlines() or [f"it ended with {said.returncode}"]
        yield wrong("GPU driver", f"nvidia-smi fails: {why[0]} Restart the machine, or install the driver again.")
        return
    for line in said.stdout.strip().splitlines():
        yield right("GPU driver", line)


def _is_nvidia_gpu(device: Path) -> bool:
    try:
        vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text().strip()
    except OSError:
        return False
    return vendor == NVIDIA and kind.startswith(DISPLAY_CLASS)


def _look_for_ffmpeg() -> Iterator[Finding]:
    """Say which ffmpeg will be used; a conversion is tried once the packages are there."""
    program = shutil.which("ffmpeg")
    if program is None:
        yield right("ffmpeg", "None on the PATH; one is installed as a package")
        return
    listing = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, text=True, check=False)
    if ENCODER in listing.stdout:
        yield right("ffmpeg", f"{program} can write MP3")
    else:
        yield right("ffmpeg", f"{program} cannot write MP3 (no libmp3lame); one that can is installed as a package")
