"""A look at ffmpeg in its sandbox, the data folder, its disk, and the ports and addresses of what `make up` starts."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from pydantic import ValidationError

from deployments.doctor.findings import Finding, notice, right, wrong
from deployments.local.data_lock import holder_of
from deployments.local.up import NoSignIn, PortTaken, check_port, check_sign_in
from tasks.errors import TranscriptionError
from tasks.media.ffmpeg import convert_file, ffmpeg_program
from tasks.media.plan import ConversionLimits
from tasks.orchestration.status import Health
from tasks.settings import GIB, Settings
from tasks.transcription.known_answer import CLIP

ROOM_BYTES = 5 * GIB
"""Space for models, the packages of a GPU and a working day's uploads."""

ANSWER_SECONDS = 10.0
PORT_SECONDS = 0.0
CLIP_SECONDS = 60.0


def is_running(settings: Settings) -> bool:
    """Return whether `make up` runs with the data folder of *settings*."""
    return holder_of(settings.data.absolute()) is not None


def look_at_data_folder(folder: Path, *, running: bool) -> Iterator[Finding]:
    """Say whether the folder can be written, or made."""
    place = nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield wrong(
            "data folder",
            f"{folder} can't be used: {place}: {error.strerror or error}. Set BATCHSCRIBE_DATA to a folder that can be "
            "written.",
        )
        return
    state = "can be written" if place == folder else "is made at the first start"
    yield right("data folder", f"{folder} {state}{'; Batchscribe runs with it' if running else ''}")


def nearest(folder: Path) -> Path:
    """Return *folder*, or the nearest folder above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def look_at_disk(settings: Settings) -> Iterator[Finding]:
    """Say whether there is room for uploads."""
    free = shutil.disk_usage(nearest(settings.data.absolute())).free
    told = f"{free / GIB:.1f} GiB are free on the disk of the data folder"
    reserve = settings.disk_reserve_bytes
    if free < reserve:
        yield wrong(
            "disk",
            f"{told}, less than the {reserve / GIB:.1f} GiB that uploads leave free, so all are refused. Free some "
            "space, set BATCHSCRIBE_DATA to another disk, or lower BATCHSCRIBE_DISK_RESERVE_BYTES.",
        )
    elif free - reserve < ROOM_BYTES:
        yield notice("disk", f"{told}; uploads leave {reserve / GIB:.1f} GiB of it. That is soon used up.")
    else:
        yield right("disk", told)


def look_at_ports(settings: Settings, *, running: bool) -> Iterator[Finding]:
    """Say whether `make up` can listen where it wants to, or whether it answers there."""
    try:
        check_sign_in(settings)
    except NoSignIn as error:
        yield wrong("Prefect", str(error))
    if running:
        yield _look_at_dashboard(settings, settings.local_address)
        if settings.public_address:
            yield _look_at_dashboard(settings, settings.address)
        return
    ports = [(settings.host, settings.port, "BATCHSCRIBE_PORT")]
    if not settings.prefect_url:
        ports.append((settings.prefect_host, settings.prefect_port, "BATCHSCRIBE_PREFECT_PORT"))
        if settings.port == settings.prefect_port:
            yield wrong("ports", f"BATCHSCRIBE_PORT and BATCHSCRIBE_PREFECT_PORT are both {settings.port}. Change one.")
    for host, port, setting in ports:
        try:
            check_port(host, port, setting, seconds=PORT_SECONDS)
        except PortTaken as error:
            yield wrong("ports", str(error))
        else:
            yield right("ports", f"{port} on {host} is free")
    if settings.public_address:
        yield notice("address", f"{settings.address} was not asked, since the dashboard does not run")


def _look_at_dashboard(settings: Settings, address: str) -> Finding:
    """Return whether the dashboard answers at *address*, from here."""
    public = address != settings.local_address
    try:
        answer = httpx.get(f"{address}/api/health", timeout=ANSWER_SECONDS, follow_redirects=True)
        health = Health.model_validate_json(answer.content)
    except (httpx.HTTPError, ValidationError) as error:
        if public:
            return notice(
                "address",
                f"BATCHSCRIBE_PUBLIC_ADDRESS, {address}, does not lead to the dashboard from here ({_why(error)}). "
                "Open it in a browser; correct it, or the proxy, if it does not lead there either.",
            )
        log = settings.logs_folder / "dashboard.log"
        return wrong("dashboard", f"It does not answer at {address} ({_why(error)}). Look into {log}.")
    if public:
        return right("address", f"{address} leads to the dashboard")
    if answer.is_success:
        return right("dashboard", f"It answers at {address}: {health.detail}")
    return notice("dashboard", f"It answers at {address}, and says: {health.detail}")


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "something else answers"
    return str(error) or type(error).__name__


def look_at_conversion() -> Iterator[Finding]:
    """Convert the clip with the limits, the filters and the encoder of all conversions."""
    began = time.monotonic()
    try:
        program = ffmpeg_program()
        with tempfile.TemporaryDirectory() as folder:
            limits = ConversionLimits(max_audio_seconds=CLIP_SECONDS)
            convert_file(CLIP, name=CLIP.name, target=Path(folder) / "recording.mp3", limits=limits)
    except (OSError, RuntimeError, TranscriptionError) as error:
        yield wrong("ffmpeg", f"The shipped clip could not be converted: {error} Install ffmpeg again, or free memory.")
    else:
        yield right(
            "ffmpeg", f"{program} converted the shipped clip in its sandbox in {time.monotonic() - began:.1f} s"
        )
