"""
Conversion plans: ffmpeg's arguments to make a recording of an upload, and the check of the result.

A conversion is a `Plan`, ffmpeg's arguments for it, and the `Report` that came of it. `better_plan` says whether the
report asks for another try with another plan, `refusal` why the upload can't be used. Nearly all uploads are done with
the first plan, in one pass.

Nothing is lost in silence. Damage that costs up to `TOLERANCE_SECONDS` is let pass; each longer stretch is a gap of the
recording, with silence of its length where more follows, or fails the job where that is asked for. Pauses that a file
means (a muted microphone sends nothing) become silence of the same length, so that times stay right.
"""

import math
import signal
import sys
from dataclasses import dataclass, replace

from tasks.batches import AudioStream, Gap
from tasks.errors import ConversionInterrupted, MediaRejected, TranscriptionError
from tasks.media.ffmpeg_log import DECODED, LEVEL, RECORDING_RATE, WRITTEN, Report
from tasks.media.levels import WINDOW_SECONDS
from tasks.media.mixes import DOWNMIX, STEREO, all_channels
from tasks.media.sources import WHOLE_FILE, Source
from tasks.media.survey import Stretch

INPUT_NAME = "upload"
"""The upload's name in the folder where ffmpeg works. ffmpeg tells by the content what it is."""

RECORDING_NAME = "recording.mp3"
SOUND_NAME = "sound.pcm"
SAMPLE_BYTES = 2
"""The sound that the recording decodes to, in samples of so many bytes in this machine's order."""

DEMUXERS = (
    *("aac", "ac3", "aiff", "amr", "asf", "au", "avi", "caf", "dsf", "dss", "dv", "eac3", "flac", "flv", "gsm"),
    *("matroska", "mov", "mp3", "mpeg", "mpegts", "mxf", "ogg", "tta", "w64", "wav", "wv"),
)
"""
The containers that may be read. None of them names other files: with playlists (hls, concat) an upload could have
another one, or any file of this machine, read to it.
"""

TOLERANCE_SECONDS = 0.5
"""Sound that may be missing, by codec delays and padding or by inaudible damage."""


NEGLIGIBLE_OFFSET_SECONDS = 0.05
"""Codecs begin up to two frames late; a sound that starts later was meant to."""

HIGH_PASS_HERTZ = 30
"""Below what a voice has."""

PEAK = 0.9
"""Share of full scale above which an amplified recording is limited, not clipped."""

_STREAM_BYTES_PER_SECOND = SAMPLE_BYTES * RECORDING_RATE
"""Those of the decoded sound; the highest bit rate of an MP3 at 16 kHz is 160 kbit/s."""

_CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """The resource limits of a process."""

    timeout_seconds: float
    cpu_seconds: int
    memory_bytes: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class ConversionLimits:
    """The limits of a conversion, from the longest recording that is accepted."""

    max_audio_seconds: float
    memory_bytes: int = 4 * 2**30

    def of_process(self, upload_bytes: int) -> ProcessLimits:
        """
        Return the limits for an upload of that size.

        They leave a slow and busy machine ten times what it takes: a conversion runs at 200 times the speed of the
        recording and more. A few bytes can hold hours of silence, so the size alone says nothing.
        """
        seconds = 60 + self.max_audio_seconds / 20 + upload_bytes / 5e6
        return ProcessLimits(
            timeout_seconds=seconds,
            cpu_seconds=math.ceil(seconds),
            memory_bytes=self.memory_bytes,
            file_bytes=2**20 + math.ceil((self.max_audio_seconds + 1) * _STREAM_BYTES_PER_SECOND),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The way to turn an upload's sound into a recording."""

    stream: int = 0
    """The audio stream, from 0."""
    mix: str = DOWNMIX
    """The mix of its channels, one of `tasks.media.mixes`."""
    keep_times: bool = True
    """True if the sound stays at its times, with silence in the gaps; else it is put end to end."""
    high_pass: bool = False
    """True if a constant offset is removed."""
    gain_decibels: float = 0.0
    """The gain by which a quiet upload is amplified, or one beyond full scale attenuated."""
    sources: tuple[Source, ...] = WHOLE_FILE
    holes: tuple[Stretch, ...] = ()
    """Silence to put into sound that is put end to end, on the recording's clock, in order of time."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A recording made of an upload."""

    audio_seconds: float
    offset_seconds: float
    plan: Plan
    streams: tuple[AudioStream, ...]
    """All audio streams of the upload."""
    wall_seconds: float
    gaps: tuple[Gap, ...] = ()
    """Stretches that could not be read, on the clock of the transcript."""
    channel_turns: tuple[float, ...] = ()
    """Those of `tasks.media.channels`, if they were asked for."""
    is_cut_off: bool = False
    """True if it breaks off at its end, and how much is missing is unknown."""
    video_type: str = ""
    """Media type of the upload if it has a picture that browsers may show."""


def conversion_arguments(plan: Plan, limits: ConversionLimits) -> list[str]:
    """Return ffmpeg's arguments that make `RECORDING_NAME` of `INPUT_NAME`, and measure both ends on the way."""
    graph = (
        f"{joined_sources(plan)}asplit=3[sound][level][first];"
        f"[level]aresample=osf=s16,volumedetect@{DECODED},anullsink;"
        f"[first]aselect=eq(n\\,0),ashowinfo@{DECODED},anullsink;"
        f"[sound]{_filters(plan)},asplit=3[mono][check][loud];"
        # A number that is none has none in these samples either; the encoder refuses it in others.
        "[mono]aformat=sample_fmts=s32p[encoded];"
        f"[check]aresample=osf=s16,volumedetect@{WRITTEN},anullsink;"
        f"[loud]highpass=f={HIGH_PASS_HERTZ},asetnsamples=n={round(WINDOW_SECONDS * RECORDING_RATE)},"
        "astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=RMS_level,"
        f"ametadata@{LEVEL}=mode=print:key=lavfi.astats.Overall.RMS_level,anullsink"
    )
    return [
        *("-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-y", "-threads", "1"),
        *(word for source in plan.sources for word in source_input(source, limits)),
        *("-filter_complex", graph, "-map", "[encoded]", "-vn"),
        *("-c:a", "libmp3lame", "-q:a", "2", "-map_metadata", "-1", "-fflags", "+bitexact"),
        *("-max_error_rate", "1", "-f", "mp3", f"file:{RECORDING_NAME}"),
    ]


def _filters(plan: Plan) -> str:
    """Return the filters from the decoded sound to the recording's. Gain is given in floating point."""
    filters = [
        on_the_clock(plan).removesuffix(","),
        f"pan=mono|c0={plan.mix}" if plan.mix else "",
        f"aresample={RECORDING_RATE}:async=1",
        "aformat=channel_layouts=mono",
        f"highpass=f={HIGH_PASS_HERTZ}" if plan.high_pass else "",
    ]
    if plan.gain_decibels:
        filters += [f"volume={plan.gain_decibels:.1f}dB:precision=float", f"alimiter=limit={PEAK}:level=0:asc=0"]
    return ",".join(filter(None, filters))


def on_the_clock(plan: Plan) -> str:
    """Return the filter that puts the sound at its times on the recording's clock, if ffmpeg's own don't."""
    return "" if plan.keep_times else f"asetpts=({_end_to_end(plan.holes)})/TB,"


def _end_to_end(holes: tuple[Stretch, ...]) -> str:
    """Return the time of a sample as ffmpeg's expression: by its number, and later by the holes before it."""
    filled, terms = 0.0, []
    for hole in holes:
        terms.append(f"+gte(N/SR\\,{hole.start - filled:.6f})*{hole.seconds:.6f}")
        filled += hole.seconds
    return "N/SR" + "".join(terms)


def joined_sources(plan: Plan) -> str:
    """Return the beginning of the filter graph: the sound of one stream from all sources."""
    if len(plan.sources) == 1:
        return f"[0:a:{plan.stream}]"
    # Each is resampled on its own, if need be: a resampler before the cut at its end would hear what lies behind.
    numbers = range(len(plan.sources))
    parts = [f"[{number}:a:{plan.stream}]aresample[part{number}];" for number in numbers]
    labels = "".join(f"[part{number}]" for number in numbers)
    return f"{''.join(parts)}{labels}concat=n={len(plan.sources)}:v=0:a=1,"


def source_input(source: Source, limits: ConversionLimits) -> tuple[str, ...]:
    """Return the arguments that read one source of the upload."""
    longest = limits.max_audio_seconds + 1
    seconds = longest if source.seconds is None else min(longest, source.seconds)
    skip = ("-skip_initial_bytes", str(source.start)) if source.start else ()
    beyond = ("-ignore_length", "1") if source.to_end_of_file else ()
    if source.samples is None:
        return ("-t", f"{seconds:.6f}", *skip, *beyond, *_input(INPUT_NAME))
    form = ("-f", source.samples.codec, "-ar", str(source.samples.rate), "-ac", str(source.samples.channels))
    return ("-t", f"{seconds:.6f}", *skip, *form, *_input(INPUT_NAME, demuxers=(source.samples.codec,)))


def first_sound_arguments(plan: Plan) -> list[str]:
    """Return ffmpeg's arguments that report when the sound starts, on the container's own clock."""
    return [
        *("-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-threads", "1", "-copyts"),
        *_input(INPUT_NAME),
        *("-filter_complex", f"[0:a:{plan.stream}]ashowinfo@{DECODED}[first]", "-map", "[first]", "-frames:a", "1"),
        *("-f", "null", "-"),
    ]


def survey_arguments(audio_stream: int = 0) -> list[str]:
    """Return ffmpeg's arguments that report each packet and each frame of an audio stream, for `read_survey`."""
    return [
        *("-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-threads", "1", "-debug_ts"),
        *_input(INPUT_NAME),
        *("-map", f"0:a:{audio_stream}", "-max_error_rate", "1", "-f", "null", "-"),
    ]


def sound_arguments() -> list[str]:
    """Return ffmpeg's arguments that make `SOUND_NAME` of the recording."""
    return [
        *("-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-y", "-threads", "1"),
        *_input(RECORDING_NAME),
        *("-map", "0:a:0", "-f", f"s16{sys.byteorder[0]}e", f"file:{SOUND_NAME}"),
    ]


def _input(name: str, *, demuxers: tuple[str, ...] = DEMUXERS) -> tuple[str, ...]:
    """Return the arguments that open the local file *name* and nothing else."""
    return ("-protocol_whitelist", "file", "-format_whitelist", ",".join(demuxers), "-i", f"file:{name}")


def better_plan(report: Report, plan: Plan) -> Plan | None:
    """Return a plan to convert the upload again so that nothing of it is lost, or None if *plan* did it."""
    if plan.keep_times and report.decoded.seconds - report.written.seconds > TOLERANCE_SECONDS:
        # Times that run backwards: files put one behind the other. To keep times would drop what comes "again".
        return replace(plan, keep_times=False)
    if plan.mix == DOWNMIX and report.channels > STEREO and report.layout_guessed:
        return replace(plan, mix=all_channels(report.channels))
    return None


def levelled_plan(report: Report, plan: Plan) -> Plan | None:
    """Return a plan to convert the upload again at the right level, or None if *plan*, which changes none, will do."""
    levelled = replace(
        plan,
        high_pass=report.levels.is_offset(report.written.mean_decibels),
        gain_decibels=report.levels.gain_decibels(fine=report.fine),
    )
    return levelled if levelled != plan else None


def offset_seconds(first_sound: Report) -> float:
    """Return the time from the start of the upload to that of its sound, from a report of `first_sound_arguments`."""
    offset = first_sound.first_sound_seconds - first_sound.start_seconds
    return round(offset, 3) if offset >= NEGLIGIBLE_OFFSET_SECONDS else 0.0


def interruption(name: str, *, exit_code: int, timed_out: bool, report: Report) -> TranscriptionError | None:
    """Return the error for an ffmpeg that did not end on its own, or None. A negative *exit_code* is a signal."""
    stopped_by = report.stopped_by_signal or max(0, -exit_code)
    if stopped_by in _CRASHES:
        return MediaRejected(
            f"{name} makes ffmpeg crash. Export it as MP3 or WAV with another program and upload that."
        )
    if stopped_by == signal.SIGXCPU:
        return MediaRejected(f"{name} takes too long to decode. Export it as MP3 or WAV and upload that.")
    if timed_out:
        return ConversionInterrupted(
            f"The conversion of {name} took too long and was stopped. Retry when less is going on."
        )
    if stopped_by:
        cause = f"signal {stopped_by}; out of memory, or the machine is shutting down"
        return ConversionInterrupted(f"The conversion of {name} was stopped from outside ({cause}). Retry it.")
    return _fault_of_machine(name, exit_code=exit_code, report=report)


def _fault_of_machine(name: str, *, exit_code: int, report: Report) -> ConversionInterrupted | None:
    if any("No space left on device" in error for error in report.errors):
        return ConversionInterrupted(
            f"There was no room on the disk for the recording of {name}. Free some, then retry."
        )
    # A broken block can ask for more memory than any machine has.
    if not report.reading_failed and any("Cannot allocate memory" in error for error in report.errors):
        return ConversionInterrupted(f"The memory for the conversion of {name} ran out. Retry when less is going on.")
    if exit_code and not report.format and not report.errors:  # of a file that it can't open it says so
        return ConversionInterrupted(
            f"ffmpeg ended with exit code {exit_code} before it looked at {name}. See what `ffmpeg -version` says on "
            "the machine that converts, then retry."
        )
    return None
