"""
Parser of ffmpeg's own output about a file: the ffmpeg that comes as a Python package has no ffprobe with it.

`read_log` takes the lines that ffmpeg 5 to 9 write with ``-loglevel repeat+level+info`` and the filter graph of
`tasks.media.plan`. Names and titles in the media stand in lines that are indented further than ffmpeg's own, so
a file can't put words into ffmpeg's mouth.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tasks.media.levels import Levels

DECODED = "decoded"
"""Name of the point of the filter graph behind the decoder."""

WRITTEN = "written"
"""Name of the point before the encoder."""

LEVEL = "level"
"""Name of the point at which the level of the recording is measured over time."""

RECORDING_RATE = 16_000
"""Samples per second of a recording, which is mono."""

MAX_STREAMS = 50
MAX_ERRORS = 5
"""Messages that are kept of each part of ffmpeg, and `MAX_PARTS` of those."""

MAX_PARTS = 20

SILENCE_DECIBELS = -200

SOUND_DECIBELS = -75.0
"""Mean level above which a stream is no silence: that of speech with peaks at -60 dBFS."""

LOG_LINE = re.compile(r"(?:\[(?P<part>[^\]]*) @ 0x[0-9a-f]+\] )*\[(?P<level>[a-z]+)\] (?P<text>.*)")
_FILTER_LINE = re.compile(r"\[(?P<filter>\w+)@(?P<point>\w+) @ 0x[0-9a-f]+\] \[info\] (?P<text>.*)")
_INPUT = re.compile(r"Input #0, (?P<format>\S+), from ")
_DURATION = re.compile(
    r"  Duration: (?:N/A|(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d\.\d+))(?:, start: (?P<start>-?\d+\.\d+))?"
)
_STREAM = re.compile(
    r"  Stream #0:(?P<number>\d+)(?:\[\w+\])?(?:\((?P<language>.*?)\))?: (?P<kind>[A-Z]\w+): (?P<codec>[\w.-]+)"
    r"(?P<rest>.*)"
)
_LAYOUT = re.compile(r", \d+ Hz, (?P<layout>[^,]+)")
_FLAG = re.compile(r" \((?P<flag>[a-z -]+)\)(?=$| \()")
_TITLE = re.compile(r"      title           : (?P<title>.*)")
_PROTECTED = re.compile(r"\((?:drms|enca|aavd) / 0x")
_PROTECTED_FILE = "DRM protected stream"
_GUESSED_LAYOUT = "Guessed Channel Layout"
_WINDOW = re.compile(r"lavfi\.astats\.Overall\.RMS_level=(?P<level>-?\d+\.?\d*)")
_STREAM_DURATION = re.compile(r" {6}DURATION\S* *: (?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d\.\d+)")
_FIRST_FRAME = re.compile(
    r"n: *0 .*?pts_time:(?P<time>\S+) .*?fmt:(?P<format>\w+) channels:(?P<channels>\d+) chlayout:(?P<layout>.*?) "
    r"rate:(?P<rate>\d+) "
)
_CORRUPT = re.compile(
    r"(?:Packet corrupt \(stream = |corrupt input packet in stream |.*: corrupt input packet in stream )(\d+)"
)
_STOPPED = re.compile(r"Exiting normally, received signal (?P<signal>\d+)")

_READING_FAILED = ("Error during demuxing", "file:")
_HARMLESS = "non monotonically increasing dts"
"""ffmpeg's complaint about the MP3 it writes where a file changes its channels midway; it writes it all the same."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a media file, as ffmpeg names it: audio/aac."""

    number: int
    kind: str
    codec: str
    cover: bool
    """True if it is a picture, not a film."""
    layout: str = ""
    """ffmpeg's name of its channels' loudspeakers: stereo, 5.1(side)."""
    language: str = ""
    """As tagged, mostly three letters."""
    title: str = ""
    flags: frozenset[str] = frozenset()
    """ffmpeg's words for what the stream is meant for: default, comment, visual impaired."""
    protected: bool = False
    """True if it is encrypted."""
    end_seconds: float | None = None
    """Its end by its own ``DURATION``, which Matroska files carry."""

    @property
    def is_default(self) -> bool:
        """True if players take it unless they are told otherwise."""
        return "default" in self.flags

    def __str__(self) -> str:
        return f"{self.kind}/{self.codec}"


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound that passed one point of the filter graph."""

    seconds: float = 0.0
    mean_decibels: float = -math.inf
    """Mean power over all channels, against full scale."""


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one run of ffmpeg."""

    format: str = ""
    """ffmpeg's name of the container; empty if the file could not be opened."""
    streams: tuple[Stream, ...] = ()
    declared_seconds: float | None = None
    """Length by the file's own header, from the first stream's start to the last one's end."""
    declared_is_estimate: bool = False
    """True if the header says nothing and ffmpeg guessed from the file's size."""
    start_seconds: float = 0.0
    """Start of the container's clock."""
    sound_seconds: float | None = None
    """End of the audio stream that was read, if the file states it for that stream alone."""
    first_sound_seconds: float = 0.0
    """Time of the first sample, on the clock that the run kept."""
    channels: int = 0
    rate: int = 0
    """Samples per second of the first sound."""
    layout: str = ""
    """The layout of the channels, of the audio stream that was read."""
    layout_guessed: bool = False
    """True if the file doesn't say which channel is meant for which loudspeaker."""
    fine: bool = False
    """True if the sound is stored in more than 16 bits, without loss."""
    levels: Levels = field(default_factory=Levels)
    """The level over time of the sound that was encoded."""
    decoded: Sound = field(default_factory=Sound)
    """The audio stream that was read, as decoded."""
    written: Sound = field(default_factory=Sound)
    """The sound that was encoded."""
    errors: tuple[str, ...] = ()
    """The first messages about errors, but for those about pictures."""
    corrupt: bool = False
    """True if ffmpeg called a packet of sound corrupt, or said the file is shorter than it should be."""
    reading_failed: bool = False
    """True if reading ended with an error and not at the end of the file."""
    stopped_by_signal: int = 0
    exit_code: int = 0

    @property
    def damaged(self) -> bool:
        """True if ffmpeg met anything that should not be there. The pictures of a film don't count."""
        return bool(self.errors) or self.corrupt

    @property
    def has_sound(self) -> bool:
        """True if anything but silence was decoded."""
        return self.decoded.mean_decibels > SOUND_DECIBELS


def read_log(lines: Iterable[str]) -> Report:
    """Return the report in *lines*. They are read to the end, and only little is kept, however many there are."""
    reading = _Reading()
    for line in lines:
        reading.take(line)
    return reading.report()


@dataclass(frozen=True, slots=True)
class _Frame:
    seconds: float
    channels: int
    rate: int
    layout: str = ""
    sample_format: str = ""


@dataclass(slots=True)
class _Reading:
    """The state of reading a log. A file whose channels or rate change midway has several frames and several levels."""

    format: str = ""
    streams: list[Stream] = field(default_factory=list)
    duration: re.Match[str] | None = None
    estimated: bool = False
    in_input: bool = False
    frames: list[_Frame] = field(default_factory=list)
    samples: dict[str, list[int]] = field(default_factory=dict)
    decibels: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    corrupt_streams: set[int] = field(default_factory=set)
    too_short: bool = False
    reading_failed: bool = False
    signal: int = 0
    layout_guessed: bool = False
    protected: bool = False
    windows: Counter[int] = field(default_factory=Counter)

    def take(self, line: str) -> None:
        if match := _FILTER_LINE.match(line):
            self._take_measurement(match["filter"], match["point"], match["text"])
        elif match := LOG_LINE.match(line):
            level, text = match["level"], match["text"]
            if level == "info":
                self._take_description(text)
            elif level == "warning":
                self._take_warning(text)
            elif level in ("error", "fatal", "panic"):
                self._take_error(match["part"] or "", text)

    def _take_measurement(self, filter_name: str, point: str, text: str) -> None:
        if filter_name == "ametadata":
            if match := _WINDOW.match(text):
                self.windows[round(float(match["level"]))] += 1
            elif text.startswith("lavfi."):  # minus infinity
                self.windows[SILENCE_DECIBELS] += 1
            return
        name, _, value = text.partition(": ")
        if filter_name == "ashowinfo" and (match := _FIRST_FRAME.match(text)):
            seconds = float(match["time"]) if match["time"] != "NOPTS" else 0.0
            channels, rate = int(match["channels"]), int(match["rate"])
            self.frames.append(_Frame(seconds, channels, rate, match["layout"], match["format"]))
        elif name == "n_samples" and value != "0":
            self.samples.setdefault(point, []).append(int(value))
        elif name == "mean_volume":
            self.decibels.setdefault(point, []).append(float(value.removesuffix(" dB")))

    def _take_description(self, text: str) -> None:
        if match := _INPUT.match(text):
            self.format, self.in_input = match["format"], True
        elif text.startswith(("Stream mapping:", "Output #0")):
            self.in_input = False
        elif match := _STOPPED.match(text):
            self.signal = int(match["signal"])
        elif self.in_input and self.duration is None and (match := _DURATION.match(text)):
            self.duration = match
        elif self.in_input and (match := _STREAM_DURATION.match(text)):
            if self.streams:
                self.streams[-1] = replace(self.streams[-1], end_seconds=_declared_seconds(match))
        elif self.in_input and len(self.streams) < MAX_STREAMS and (match := _STREAM.match(text)):
            self.streams.append(_stream(match))
        elif self.in_input and self.streams and not self.streams[-1].title and (match := _TITLE.match(text)):
            self.streams[-1] = replace(self.streams[-1], title=match["title"])

    def _take_warning(self, text: str) -> None:
        if text.startswith("Estimating duration from bitrate"):
            self.estimated = True
        elif _GUESSED_LAYOUT in text:
            self.layout_guessed = True
        elif text.startswith(_PROTECTED_FILE):
            self.protected = True
        elif "duration do not match" in text:
            self.too_short = True
        elif (match := _CORRUPT.match(text)) and int(match[1]) < MAX_STREAMS:
            self.corrupt_streams.add(int(match[1]))

    def _take_error(self, part: str, text: str) -> None:
        if _HARMLESS in text:
            return
        if self.format and text.startswith(_READING_FAILED):
            self.reading_failed = True
        if part in self.errors or len(self.errors) < MAX_PARTS:
            texts = self.errors.setdefault(part, [])
            if len(texts) < MAX_ERRORS:
                texts.append(text)

    def report(self) -> Report:
        duration = self.duration
        sounds = {stream.number for stream in self.streams if stream.kind == "audio"}
        picture_decoders = {stream.codec for stream in self.streams if stream.kind == "video"}
        written_rates = [_Frame(0.0, 1, RECORDING_RATE)] * len(self.samples.get(WRITTEN, []))
        return Report(
            format=self.format,
            streams=tuple(replace(stream, protected=True) if self.protected else stream for stream in self.streams),
            declared_seconds=_declared_seconds(duration) if duration else None,
            declared_is_estimate=self.estimated,
            start_seconds=float(duration["start"] or 0.0) if duration else 0.0,
            first_sound_seconds=self.frames[0].seconds if self.frames else 0.0,
            channels=self.frames[0].channels if self.frames else 0,
            rate=self.frames[0].rate if self.frames else 0,
            layout=self.frames[0].layout if self.frames else "",
            layout_guessed=self.layout_guessed,
            fine=bool(self.frames) and self._is_fine(self.frames[0].sample_format),
            levels=Levels(dict(self.windows)),
            decoded=self._sound(DECODED, self.frames),
            written=self._sound(WRITTEN, written_rates),
            errors=tuple(
                text
                for part, texts in self.errors.items()
                if part.removeprefix("dec:") not in picture_decoders
                for text in texts
            ),
            corrupt=self.too_short or bool(self.corrupt_streams & sounds),
            reading_failed=self.reading_failed,
            stopped_by_signal=self.signal,
        )

    def _is_fine(self, sample_format: str) -> bool:
        """Return whether samples are stored like this; decoders of lossy codecs use floating point for themselves."""
        return sample_format.startswith("s32") or any(stream.codec.startswith("pcm_f") for stream in self.streams)

    def _sound(self, point: str, frames: list[_Frame]) -> Sound:
        samples, decibels = self.samples.get(point, []), self.decibels.get(point, [])
        seconds = sum(count / (frame.channels * frame.rate) for count, frame in zip(samples, frames, strict=False))
        power = sum(count * 10 ** (level / 10) for count, level in zip(samples, decibels, strict=False))
        return Sound(seconds, 10 * math.log10(power / sum(samples)) if power else -math.inf)


def _stream(match: re.Match[str]) -> Stream:
    rest = match["rest"]
    flags = frozenset(_FLAG.findall(rest))
    layout = _LAYOUT.search(rest)
    return Stream(
        int(match["number"]),
        match["kind"].lower(),
        match["codec"],
        cover="attached pic" in flags,
        layout=layout["layout"] if layout else "",
        language=match["language"] or "",
        flags=flags,
        protected=_PROTECTED.search(rest) is not None,
    )


def _declared_seconds(duration: re.Match[str]) -> float | None:
    if duration["hours"] is None:
        return None
    return int(duration["hours"]) * 3600 + int(duration["minutes"]) * 60 + float(duration["seconds"])
