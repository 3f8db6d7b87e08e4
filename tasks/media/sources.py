"""Sources of a conversion: the stretches of an upload that are read as files of their own, one behind the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.media.announced import joined_mp4s
from tasks.media.samples import Part, Samples, Sliceable, find_part
from tasks.media.wav import find_wav_parts


@dataclass(frozen=True, slots=True)
class Source:
    """A stretch of an upload."""

    start: int = 0
    """Bytes of the upload before it."""
    seconds: float | None = None
    """Length to read; None for all."""
    samples: Samples | None = None
    """The form of its samples, for one that is read without its header; None lets ffmpeg find out."""
    to_end_of_file: bool = False
    """True if a WAV file is read beyond the length in its header."""


WHOLE_FILE = (Source(),)


@dataclass(frozen=True, slots=True)
class Layout:
    """The sources of an upload, and the sound that was cut off at its end."""

    sources: tuple[Source, ...] = WHOLE_FILE
    missing_bytes: int = 0
    """Bytes of sound that a header of plain samples announces and the file lacks."""
    present_bytes: int = 0
    """Bytes of sound under that header."""
    byte_rate: int = 0
    """Bytes per second of both; 0 if unknown."""

    def missing_seconds(self, heard_seconds: float) -> float:
        """Return the length of the sound that was cut off. *heard_seconds* is that of what is there."""
        if self.missing_bytes and self.byte_rate:
            return self.missing_bytes / self.byte_rate
        return heard_seconds * self.missing_bytes / self.present_bytes if self.present_bytes else 0.0


def find_layout(content: Sliceable, size: int) -> Layout:
    """Return the layout of the file *content* of *size* bytes: for nearly all, one source and nothing missing."""
    if joined := joined_mp4s(content, size):
        return Layout(tuple(Source(start) for start in joined))
    part = find_part(content, size)
    parts = [part for part in ((part,) if part else find_wav_parts(content, size)) if part.end > part.start]
    if not parts:
        return Layout()
    last = parts[-1]
    return Layout(_sources(parts), last.missing_bytes, last.end - last.start, last.byte_rate)


def _sources(parts: Sequence[Part]) -> tuple[Source, ...]:
    if len(parts) == 1 and parts[0].as_stated and parts[0].header == 0:
        return WHOLE_FILE
    return tuple(_source(part, is_last=part is parts[-1]) for part in parts)


def _source(part: Part, *, is_last: bool) -> Source:
    if part.samples is None:
        return Source(part.header, to_end_of_file=is_last and not part.as_stated)
    whole_samples = (part.end - part.start) * part.samples.rate // part.samples.bytes_per_second
    return Source(part.start, whole_samples / part.samples.rate, part.samples)
