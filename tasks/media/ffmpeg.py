"""
Transcode a file to a recording with ffmpeg: the system's, or else the one that comes as a Python package.

ffmpeg reads untrusted files, so it runs confined (`tasks.media.sandbox`), may open the one file in its folder and
no other, and its word on lengths is checked: see `tasks.media.plan` and `tasks.media.validation`.
"""

import functools
import mmap
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.errors import MediaRejected, UploadMissing
from tasks.media.ffmpeg_log import Report, read_log
from tasks.media.formats import LONGEST_START, WavHeader, read_wav_header, why_unreadable
from tasks.media.plan import (
    INPUT_NAME,
    RECORDING_NAME,
    Conversion,
    ConversionLimits,
    Plan,
    ProcessLimits,
    check_arguments,
    first_sound_arguments,
    interruption,
    offset_seconds,
)
from tasks.media.sandbox import run_confined
from tasks.media.streams import audio_streams, named_streams
from tasks.media.takes import Take, Takes
from tasks.media.validation import check_complete, check_recording
from tasks.names import display_name


def convert_file(
    upload: Path, *, name: str, target: Path, limits: ConversionLimits, audio_stream: int = 0
) -> Conversion:
    """
    Make the recording *target* of the file *upload*, which *name* stands for in messages.

    *audio_stream* counts from 1; 0 takes the one with speech.

    Works in a folder next to *target*. Raises `MediaRejected`, `UploadMissing` or `ConversionInterrupted`; then there
    is no *target*.
    """
    began = time.monotonic()
    name = display_name(name)
    size = _size(upload, name)
    wav = _wav_header(upload, size)
    with tempfile.TemporaryDirectory(dir=target.parent) as place:
        folder = Path(place)
        _link(upload, folder / INPUT_NAME)
        ffmpeg = Ffmpeg(ffmpeg_program(), folder, name, limits.of_process(size))
        plan = Plan(to_end_of_file=wav is not None and wav.overflowed(size))
        take = Takes(ffmpeg, limits).best(plan, wanted=audio_stream)
        report, offset = take.report, _offset(ffmpeg, take)
        take.recording.replace(folder / RECORDING_NAME)
        share = wav.share_present(size) if wav else 1.0
        check_complete(report, name=name, offset_seconds=offset, wav_share=share)
        check_recording(report, ffmpeg.run(check_arguments()), name=name)
        (folder / RECORDING_NAME).replace(target)
    return Conversion(
        audio_seconds=round(report.written.seconds, 3),
        offset_seconds=offset,
        plan=take.plan,
        streams=named_streams(audio_streams(report)),
        wall_seconds=time.monotonic() - began,
    )


def ffmpeg_program() -> str:
    """Return the path of the ffmpeg to use: the system's if it can write MP3, else the packaged one."""
    system = shutil.which("ffmpeg")
    if system is not None and _writes_mp3(system):
        return system
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


@functools.lru_cache
def _writes_mp3(program: str) -> bool:
    """Return whether *program* runs without our environment, as it will later, and has the encoder, which some lack."""
    listing = subprocess.run(
        [program, "-hide_banner", "-encoders"], capture_output=True, check=False, timeout=60, env={"LC_ALL": "C"}
    )
    return b" libmp3lame " in listing.stdout


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """ffmpeg at work on the upload *name*, in a folder that holds nothing else."""

    program: str
    folder: Path
    name: str
    limits: ProcessLimits

    def run(self, arguments: list[str]) -> Report:
        """Return ffmpeg's report for *arguments*. Raises the error for a run that did not end on its own."""
        end, report = run_confined([self.program, *arguments], folder=self.folder, limits=self.limits, read=read_log)
        error = interruption(self.name, exit_code=end.code, timed_out=end.timed_out, report=report)
        if error is not None:
            raise error
        return replace(report, exit_code=end.code)


def _offset(ffmpeg: Ffmpeg, take: Take) -> float:
    """Return the time at which the sound starts. Only a file with other streams can start before its sound."""
    if len(take.report.streams) == 1:
        return 0.0
    return offset_seconds(ffmpeg.run(first_sound_arguments(take.plan)))


def _size(upload: Path, name: str) -> int:
    """Return the bytes of the upload. Raises the error for one that is gone, empty or of an unreadable format."""
    try:
        size = upload.stat().st_size
    except FileNotFoundError as exc:
        msg = f"{name} is no longer on the server. Upload it again."
        raise UploadMissing(msg) from exc
    if size == 0:
        msg = f"{name} is empty: 0 bytes. Check the file on your computer, then upload it again."
        raise MediaRejected(msg)
    with upload.open("rb") as file:
        if why := why_unreadable(file.read(LONGEST_START)):
            msg = f"{name} {why}"
            raise MediaRejected(msg)
    return size


def _wav_header(upload: Path, size: int) -> WavHeader | None:
    with upload.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return read_wav_header(content, size)


def _link(upload: Path, link: Path) -> None:
    """Make *upload* appear as *link* without copying it."""
    try:
        link.hardlink_to(upload)
    except OSError:  # another disk, or one without hard links
        link.symlink_to(upload.absolute())
