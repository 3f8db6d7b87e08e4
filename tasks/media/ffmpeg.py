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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.errors import MediaRejected, UploadMissing
from tasks.media.announced import find_announced
from tasks.media.channels import channel_arguments, channel_turns, read_channel_levels
from tasks.media.endings import breaks_off
from tasks.media.ffmpeg_log import RECORDING_RATE, Report, read_log
from tasks.media.formats import LONGEST_START, why_unreadable
from tasks.media.losses import (
    Losses,
    has_no_clock,
    hole_passed_over,
    holes_between_frames,
    holes_in_survey,
    losses_in_survey,
    needs_survey,
    seconds_cut_off,
    sources_between_holes,
)
from tasks.media.mixes import DOWNMIX, STEREO
from tasks.media.mpeg_frames import announces_more, walk_frames
from tasks.media.plan import (
    INPUT_NAME,
    NEGLIGIBLE_OFFSET_SECONDS,
    RECORDING_NAME,
    SAMPLE_BYTES,
    SOUND_NAME,
    TOLERANCE_SECONDS,
    Conversion,
    ConversionLimits,
    Plan,
    ProcessLimits,
    first_sound_arguments,
    interruption,
    offset_seconds,
    sound_arguments,
    survey_arguments,
)
from tasks.media.sandbox import run_confined
from tasks.media.sources import WHOLE_FILE, Layout, find_layout
from tasks.media.streams import audio_streams, named_streams, playable_video
from tasks.media.survey import Stretch, Survey, read_survey
from tasks.media.takes import Take, Takes
from tasks.media.validation import check_ended_well, check_losses, check_recording
from tasks.names import display_name


def convert_file(
    upload: Path,
    *,
    name: str,
    target: Path,
    limits: ConversionLimits,
    audio_stream: int = 0,
    refuse_damaged: bool = False,
    measure_channels: bool = False,
    sound: Path | None = None,
) -> Conversion:
    """
    Make the recording *target* of the file *upload*, which *name* stands for in messages.

    *audio_stream* counts from 1; 0 takes the one with speech. What can't be read of a damaged upload is a gap of the
    conversion, or with *refuse_damaged* a reason to reject it. With *measure_channels*, it says when the voice of a
    stereo upload is in which channel. *sound* is a file for what the recording decodes to, samples of 16 bits.

    Works in a folder next to *target*. Raises `MediaRejected`, `UploadMissing` or `ConversionInterrupted`; then there
    is no *target*.
    """
    began = time.monotonic()
    name = display_name(name)
    size = _size(upload, name)
    with tempfile.TemporaryDirectory(dir=target.parent) as place, _mapped(upload) as content:
        folder = Path(place)
        _link(upload, folder / INPUT_NAME)
        ffmpeg = Ffmpeg(ffmpeg_program(), folder, name, limits.of_process(size))
        layout = find_layout(content, size)
        takes = Takes(ffmpeg, limits)
        take = takes.best(Plan(sources=layout.sources), wanted=audio_stream)
        check_ended_well(take.report, name=name)
        take, losses = _measure_losses(ffmpeg, takes, take, Upload(content, size, layout))
        report = take.report
        check_losses(report, losses, name=name, refuse_damaged=refuse_damaged)
        offset = _offset(ffmpeg, take, losses)
        is_cut_off = not losses.reach(report.written.seconds) and breaks_off(content, size)
        turns = ffmpeg.channel_turns(take, limits) if measure_channels else ()
        take.recording.replace(folder / RECORDING_NAME)
        check_recording(report, ffmpeg.sound_seconds(), name=name)
        if sound is not None:
            (folder / SOUND_NAME).replace(sound)
        (folder / RECORDING_NAME).replace(target)
    return Conversion(
        audio_seconds=round(report.written.seconds, 3),
        offset_seconds=offset,
        plan=take.plan,
        streams=named_streams(audio_streams(report)),
        wall_seconds=time.monotonic() - began,
        gaps=losses.gaps(offset),
        channel_turns=turns,
        is_cut_off=is_cut_off,
        video_type=playable_video(report),
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

    def sound_seconds(self) -> float:
        """Decode the recording, and return how long it is. Raises as `run` does."""
        self.run(sound_arguments())
        sound = self.folder / SOUND_NAME
        return sound.stat().st_size / SAMPLE_BYTES / RECORDING_RATE if sound.exists() else 0.0

    def survey(self, container: str, audio_stream: int) -> Survey:
        """
        Return what becomes of each packet of an audio stream (from 0) of the upload, which is of that format.

        Raises as `run` does.
        """
        read = functools.partial(read_survey, container=container)
        arguments = [self.program, *survey_arguments(audio_stream)]
        end, survey = run_confined(arguments, folder=self.folder, limits=self.limits, read=read)
        report = Report(format=container)
        error = interruption(self.name, exit_code=end.code, timed_out=end.timed_out, report=report)
        if error is not None:
            raise error
        return survey

    def channel_turns(self, take: Take, limits: ConversionLimits) -> tuple[float, ...]:
        """Return when the voice is in which channel of *take*; nothing but of two channels that were simply mixed."""
        if take.report.channels != STEREO or take.plan.mix != DOWNMIX:
            return ()
        arguments = [self.program, *channel_arguments(take.plan, limits)]
        end, levels = run_confined(arguments, folder=self.folder, limits=self.limits, read=read_channel_levels)
        error = interruption(self.name, exit_code=end.code, timed_out=end.timed_out, report=take.report)
        if error is not None:
            raise error
        return channel_turns(levels)


@dataclass(frozen=True, slots=True)
class Upload:
    """The bytes of an upload, and where its sound lies in them."""

    content: mmap.mmap
    size: int
    layout: Layout


def _measure_losses(ffmpeg: Ffmpeg, takes: Takes, take: Take, upload: Upload) -> tuple[Take, Losses]:
    """Return the losses, and the take that they are in: made again where its holes must be filled."""
    frames = None
    report, plan = take.report, take.plan
    announced = find_announced(upload.content, upload.size, audio_stream=plan.stream)
    if has_no_clock(report) and (report.damaged or announces_more(upload.content, upload.size)):
        frames = walk_frames(upload.content, upload.size)
        holes, losses = holes_between_frames(frames), Losses()
        if report.reading_failed:
            plan = replace(plan, sources=sources_between_holes(frames))
    elif plan.sources == WHOLE_FILE and needs_survey(report):
        survey = ffmpeg.survey(report.format, plan.stream)
        losses = losses_in_survey(survey, report)
        holes = () if plan.keep_times else holes_in_survey(survey)
    else:
        holes, losses = (), Losses()
    if announced and announced.broken_at is not None:
        holes = hole_passed_over(report, announced)
    if holes:
        losses = Losses(holes)
        if losses.seconds > TOLERANCE_SECONDS:
            take = takes.again(take, replace(plan, keep_times=False, holes=holes))
    cut_off = seconds_cut_off(
        take.report, layout=upload.layout, announced=announced, frames=frames, broke_off=losses.broke_off
    )
    end = take.report.written.seconds
    behind = (Stretch(end, end + cut_off),) if cut_off else ()
    return take, replace(losses, stretches=(*losses.stretches, *behind))


def _offset(ffmpeg: Ffmpeg, take: Take, losses: Losses) -> float:
    """Return the time at which the recording starts. A file of one stream starts with its sound, read or not."""
    if len(take.report.streams) == 1:
        return round(losses.at_start, 3) if losses.at_start >= NEGLIGIBLE_OFFSET_SECONDS else 0.0
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


@contextmanager
def _mapped(upload: Path) -> Iterator[mmap.mmap]:
    """Map the file into memory, which reads of it only what is looked at."""
    with upload.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


def _link(upload: Path, link: Path) -> None:
    """Make *upload* appear as *link* without copying it."""
    try:
        link.hardlink_to(upload)
    except OSError:  # another disk, or one without hard links
        link.symlink_to(upload.absolute())
