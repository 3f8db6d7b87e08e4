"""Subtitles: cues, the two ways to write them down, and how well they keep to the standard."""

# ruff: noqa: RUF001, RUF002 - the signs that only look like others are meant: they stand for those SRT can't hold

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import Field

from tasks.batches import StoredModel
from tasks.subtitles.standards import Limits, SubtitleStandard, columns, milliseconds

# Players look for HTML tags in SRT, and most also for the signs of the ASS format: {...} is a command or a comment
# there, \N a new line.
_SRT_LOOKALIKES = str.maketrans("<>{}\\", "‹›｛｝＼")


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: shown from *start* to *end* (seconds, whole milliseconds), in one or two lines."""

    number: int
    start: float
    end: float
    lines: tuple[str, ...]
    voice: str = ""
    """The speaker, where speakers are told apart."""

    @property
    def text(self) -> str:
        """The lines as they stand on the screen."""
        return "\n".join(self.lines)


def srt_timestamp(seconds: float) -> str:
    """Return *seconds* as SRT writes it, for example ``01:02:03,004``. A time before the start is the start."""
    return _timestamp(seconds, decimal_mark=",")


def vtt_timestamp(seconds: float) -> str:
    """Return *seconds* as WebVTT writes it, for example ``01:02:03.004``. A time before the start is the start."""
    return _timestamp(seconds, decimal_mark=".")


def _timestamp(seconds: float, *, decimal_mark: str) -> str:
    # Rounded once, as a whole: split first, 59.9996 s would read 00:00:60,000.
    whole_seconds, thousandths = divmod(max(0, milliseconds(seconds)), 1000)
    minutes, whole_seconds = divmod(whole_seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{whole_seconds:02}{decimal_mark}{thousandths:03}"


def to_srt(cues: Sequence[Cue]) -> str:
    """
    Return the cues as SubRip.

    SRT has no way to escape its own signs, so what players would take for a tag or an arrow is written with a sign of
    the same look: ``‹b›`` for ``<b>``, ``→`` for ``-->``.
    """
    blocks = (
        f"{cue.number}\n{srt_timestamp(cue.start)} --> {srt_timestamp(cue.end)}\n{_srt_text(cue.text)}\n"
        for cue in cues
    )
    return "\n".join(blocks)


def _srt_text(text: str) -> str:
    return text.replace("-->", "→").translate(_SRT_LOOKALIKES)


def to_vtt(cues: Sequence[Cue]) -> str:
    """
    Return the cues as WebVTT, escaped as its specification demands: no ``<``, ``&`` or ``-->`` in a payload.

    The speaker of a cue is its voice: ``<v Speaker 1>``, which players may show, or show in a colour of its own.
    """
    blocks = (
        f"{cue.number}\n{vtt_timestamp(cue.start)} --> {vtt_timestamp(cue.end)}\n{_vtt_payload(cue)}\n" for cue in cues
    )
    return "\n".join(("WEBVTT\n", *blocks)) if cues else "WEBVTT\n\n"


def _vtt_payload(cue: Cue) -> str:
    voice = f"<v {_vtt_text(cue.voice)}>" if cue.voice else ""
    return f"{voice}{_vtt_text(cue.text)}"


def _vtt_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Compliance(StoredModel):
    """
    The number of cues that meet each rule of the standard.

    Speech can be faster than anyone reads. Words are never left out for it, so a verbatim transcript of a fast speaker
    has cues over the reading speed, and they are counted here.
    """

    standard: SubtitleStandard
    cues: int
    within_reading_speed: int
    within_line_length: int
    within_line_count: int
    within_min_duration: int
    within_max_duration: int
    within_gap: int
    within_all: int
    percent_within_all: float = Field(description="100 when there is no cue")
    highest_characters_per_second: float


@dataclass(frozen=True, slots=True)
class _Verdict:
    reading_speed: bool
    line_length: bool
    line_count: bool
    min_duration: bool
    max_duration: bool
    gap: bool

    @property
    def all_rules(self) -> bool:
        return all(
            (self.reading_speed, self.line_length, self.line_count, self.min_duration, self.max_duration, self.gap)
        )


def compliance(cues: Sequence[Cue], standard: SubtitleStandard) -> Compliance:
    """
    Return the number of cues that meet each rule of *standard*.

    Characters are counted as the players show them: spaces count, the change of line does not.
    """
    limits = standard.limits
    gaps = [milliseconds(after.start) - milliseconds(before.end) for before, after in pairwise(cues)]
    verdicts = [_verdict(cue, gap, limits) for cue, gap in zip(cues, [*gaps, limits.gap], strict=False)]
    met = sum(verdict.all_rules for verdict in verdicts)
    speeds = (sum(map(columns, cue.lines)) / max(0.001, cue.end - cue.start) for cue in cues)
    return Compliance(
        standard=standard,
        cues=len(cues),
        within_reading_speed=sum(verdict.reading_speed for verdict in verdicts),
        within_line_length=sum(verdict.line_length for verdict in verdicts),
        within_line_count=sum(verdict.line_count for verdict in verdicts),
        within_min_duration=sum(verdict.min_duration for verdict in verdicts),
        within_max_duration=sum(verdict.max_duration for verdict in verdicts),
        within_gap=sum(verdict.gap for verdict in verdicts),
        within_all=met,
        percent_within_all=round(100 * met / len(cues), 2) if cues else 100.0,
        highest_characters_per_second=round(max(speeds, default=0.0) / (2 if standard.full_width else 1), 1),
    )


def _verdict(cue: Cue, gap: int, limits: Limits) -> _Verdict:
    duration = milliseconds(cue.end) - milliseconds(cue.start)
    widths = [columns(line) for line in cue.lines]
    return _Verdict(
        reading_speed=sum(widths) * 1000 <= limits.columns_per_second * duration,
        line_length=max(widths, default=0) <= limits.line_columns,
        line_count=1 <= len(widths) <= limits.lines,
        min_duration=duration >= limits.shortest,
        max_duration=duration <= limits.longest,
        gap=gap >= limits.gap,
    )
