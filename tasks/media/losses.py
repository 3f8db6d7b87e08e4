"""
Losses of a conversion: the stretches of sound that an upload has a place for and that could not be read.

They are measured and never inferred: packets that were not decoded, jumps of the clock beside damage, bytes between
the frames of an MP3, an end that the file itself counts in bytes. No length is a guess or that of another stream.
"""

from dataclasses import dataclass

from tasks.batches import Gap, GapReason
from tasks.media.announced import Announced
from tasks.media.ffmpeg_log import Report
from tasks.media.mpeg_frames import FrameWalk
from tasks.media.plan import TOLERANCE_SECONDS
from tasks.media.sources import Layout, Source
from tasks.media.survey import Stretch, Survey, merged

_BARE_FRAMES = ("mp3", "aac")

_COUNTING_SAMPLES = ("flac", "wv")
"""Containers whose header states the exact length of their sound, and which hold nothing else."""

_FROM_ZERO = ("ogg", "matroska")
"""Containers whose clock begins at 0: one that begins later, with damage there, has lost its beginning."""

MAX_HOLES = 200


@dataclass(frozen=True, slots=True)
class Losses:
    """The losses of a conversion, on the clock of its recording."""

    stretches: tuple[Stretch, ...] = ()
    at_start: float = 0.0
    """Seconds of the sound before the recording begins."""
    broke_off: bool = False
    """True if something that can't be read follows the recording; it may be sound or not."""

    @property
    def seconds(self) -> float:
        """Length of all losses."""
        return self.at_start + sum(stretch.seconds for stretch in self.stretches)

    def reach(self, end: float) -> bool:
        """Return whether more is known to be lost behind the *end* of the recording than is let pass."""
        return any(one.end >= end and one.seconds > TOLERANCE_SECONDS for one in self.stretches)

    def gaps(self, offset_seconds: float) -> tuple[Gap, ...]:
        """
        Return the losses longer than `TOLERANCE_SECONDS`, on the clock of a transcript with that offset.

        Where there are only shorter ones, but enough of them to matter, all are returned.
        """
        at_start = Stretch(-self.at_start, 0.0) if self.at_start else None
        whole = merged((at_start, *self.stretches) if at_start else self.stretches)
        longer = [stretch for stretch in whole if stretch.seconds > TOLERANCE_SECONDS]
        chosen = longer or (whole if self.seconds > TOLERANCE_SECONDS else ())
        return tuple(
            Gap(
                start=round(max(0.0, stretch.start + offset_seconds), 3),
                end=round(max(0.0, stretch.end + offset_seconds), 3),
                reason=GapReason.UNREADABLE,
            )
            for stretch in chosen
        )


def has_no_clock(report: Report) -> bool:
    """Return whether an upload is of bare frames: ffmpeg skips what is broken in them, and goes on without a gap."""
    mp3 = any(stream.codec == "mp3" for stream in report.streams)
    return report.format in _BARE_FRAMES or (report.format == "wav" and mp3)


def needs_survey(report: Report) -> bool:
    """Return whether ffmpeg met anything that may have cost sound."""
    return report.damaged or (
        report.format == "flac" and report.written.seconds - report.decoded.seconds > TOLERANCE_SECONDS
    )


def losses_in_survey(survey: Survey, report: Report) -> Losses:
    """Return the losses of a recording that keeps the times of the upload."""
    begin = survey.start
    lost = [stretch for stretch in survey.lost if stretch.end > begin]
    at_start = sum(stretch.seconds for stretch in survey.lost if stretch.end <= begin)
    if survey.damaged_at_opening and report.format.startswith(_FROM_ZERO) and len(report.streams) == 1:
        at_start += report.start_seconds
    return Losses(
        tuple(Stretch(max(0.0, one.start - begin), one.end - begin) for one in lost), at_start, survey.broke_off
    )


def holes_in_survey(survey: Survey) -> tuple[Stretch, ...]:
    """Return the losses as holes in a recording whose sound was put end to end."""
    return _holes([(survey.read_before(stretch.start), stretch.seconds) for stretch in survey.lost])


def holes_between_frames(frames: FrameWalk) -> tuple[Stretch, ...]:
    """Return the holes in a recording of bare frames."""
    return _holes(list(frames.lost()))


def hole_passed_over(report: Report, announced: Announced) -> tuple[Stretch, ...]:
    """Return the hole in a recording of a container that counts its sound and breaks off somewhere before its end."""
    missing = (announced.sound_seconds or 0.0) - report.written.seconds
    if announced.broken_at is None or announced.missing_bytes or missing <= TOLERANCE_SECONDS:
        return ()
    return (Stretch(announced.broken_at, announced.broken_at + missing),)


def sources_between_holes(frames: FrameWalk) -> tuple[Source, ...]:
    """Return the sound around the holes as sources of their own, for an ffmpeg that gives up at the first hole."""
    sources, start, before = [], 0, 0.0
    for hole in frames.inner_holes[:MAX_HOLES]:
        sources.append(Source(start, max(0.0, hole.seconds_before - before)))
        start, before = hole.offset + hole.bytes, hole.seconds_before
    sources.append(Source(start))
    return tuple(source for source in sources if source.start < frames.size)


def _holes(places: list[tuple[float, float]]) -> tuple[Stretch, ...]:
    """Return holes from the seconds of sound before each and its length, without those too short to matter."""
    holes: list[Stretch] = []
    filled = 0.0
    for before, seconds in sorted(places, key=lambda place: -place[1])[:MAX_HOLES]:
        holes.append(Stretch(before, before + seconds))
    placed = []
    for hole in sorted(holes, key=lambda hole: hole.start):
        placed.append(Stretch(hole.start + filled, hole.end + filled))
        filled += hole.seconds
    return tuple(placed)


def seconds_cut_off(
    report: Report, *, layout: Layout, announced: Announced | None, frames: FrameWalk | None, broke_off: bool = False
) -> float:
    """Return the length of the sound that is missing behind the recording, as far as the file itself proves it."""
    recorded = report.written.seconds
    if layout.missing_bytes:
        return layout.missing_seconds(recorded)
    if frames is not None:
        return frames.missing_seconds
    end = _end_of_sound(report, announced, broke_off=broke_off)
    if end is not None:
        return max(0.0, end - recorded)
    if report.reading_failed:  # how much follows is unknown, unless ffmpeg can guess it from the file's size
        return max(TOLERANCE_SECONDS, (report.declared_seconds or 0.0) - report.first_sound_seconds - recorded)
    return 0.0


def _end_of_sound(report: Report, announced: Announced | None, *, broke_off: bool) -> float | None:
    """Return the end of the sound on the recording's clock, if the file states it and that can be trusted."""
    declared = None if report.declared_is_estimate else report.declared_seconds
    if report.format in _COUNTING_SAMPLES:
        return declared
    own = len(report.streams) == 1 or report.sound_seconds is not None
    if announced is None or not (announced.missing_bytes or (broke_off and own)):
        return None
    if announced.sound_seconds is not None:
        return announced.sound_seconds
    end = declared if report.sound_seconds is None else report.sound_seconds
    if end is None:
        return None
    # Matroska counts from 0, others from their start.
    start = report.start_seconds if report.format.startswith("matroska") else 0.0
    return end - start - report.first_sound_seconds
