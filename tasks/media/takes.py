"""
Takes: the conversions of an upload that are tried, and the choice of the one that is kept.

One take is enough for nearly all uploads. Where there are several audio streams, or the channels of one don't mix,
takes are compared by the voice that is heard in them.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tasks.media.ffmpeg_log import Report
from tasks.media.mixes import is_better, rival_mixes
from tasks.media.plan import RECORDING_NAME, ConversionLimits, Plan, better_plan, conversion_arguments
from tasks.media.streams import (
    CLEAR_VOICE_SECONDS,
    CLEAR_VOICE_SHARE,
    MAX_STREAMS_TRIED,
    audio_streams,
    check_not_protected,
    check_stream_exists,
    order_of_trial,
)
from tasks.media.validation import check_duration, check_opened
from tasks.media.voice import voice_seconds


class Converter(Protocol):
    """ffmpeg at work on the upload *name* in *folder*."""

    @property
    def folder(self) -> Path:
        """The folder in which it writes."""
        ...

    @property
    def name(self) -> str:
        """The upload's name in sentences."""
        ...

    def run(self, arguments: list[str]) -> Report:
        """Return ffmpeg's report for *arguments*."""
        ...


@dataclass(frozen=True, slots=True)
class Take:
    """A conversion that was tried, and the recording that it made; there is none if nothing could be decoded."""

    plan: Plan
    report: Report
    recording: Path

    @property
    def decibels(self) -> float:
        """Level of its sound before it was amplified."""
        return self.report.written.mean_decibels - self.plan.gain_decibels

    def voice_seconds(self, *, enough: float = float("inf")) -> float:
        """Return the seconds with a voice; listening stops after *enough* of them."""
        return voice_seconds(self.recording, enough=enough) if self.report.written.seconds else 0.0


class Takes:
    """The takes of one upload, in a folder of their own."""

    def __init__(self, ffmpeg: Converter, limits: ConversionLimits) -> None:
        self._ffmpeg = ffmpeg
        self._limits = limits
        self._made = 0

    def best(self, plan: Plan, *, wanted: int) -> Take:
        """
        Return the take to keep, made by *plan* or a better one, of the audio stream *wanted* (from 1; 0 chooses one).

        Raises `MediaRejected`, and the errors of ffmpeg's end.
        """
        first = self._make(replace(plan, stream=max(0, wanted - 1)))
        streams, name = audio_streams(first.report), self._ffmpeg.name
        if streams:
            check_stream_exists(streams, wanted, name=name)
            check_not_protected(streams[wanted - 1 : wanted] if wanted else streams, name=name)
        places = [wanted - 1] if wanted else order_of_trial(streams)[:MAX_STREAMS_TRIED]
        take = (
            self._of_streams(first, places) if len(places) > 1 else self._of_stream(first, places[0] if places else 0)
        )
        check_opened(take.report, name=name)
        return take

    def _of_streams(self, first: Take, places: list[int]) -> Take:
        """Return the take of the first stream with a clear voice, or else of the one with most of one."""
        best, most = first, (-1.0, -1.0)
        for place in places:
            take = self._of_stream(first, place)
            clear = min(CLEAR_VOICE_SECONDS, CLEAR_VOICE_SHARE * take.report.written.seconds)
            voice = take.voice_seconds(enough=CLEAR_VOICE_SECONDS)
            if voice and voice >= clear:
                return take
            if (merit := (voice, float(take.report.has_sound))) > most:
                best, most = take, merit
        return best

    def _of_stream(self, first: Take, place: int) -> Take:
        """Return the take of one stream with the mix in which the voice is heard best."""
        start = first if first.plan.stream == place else self._make(replace(first.plan, stream=place))
        take = self._mended(start)
        rivals = rival_mixes(start.report if take.plan.mix == start.plan.mix else take.report)
        if not rivals or not take.report.written.seconds:
            return take
        best, most = take, (0.0, 0.0)
        voice = take.voice_seconds()
        for mix in rivals:
            rival = self._mended(self._make(replace(start.plan, mix=mix, keep_times=take.plan.keep_times)))
            heard = rival.voice_seconds()
            better = is_better(
                mix,
                voice_seconds=heard,
                decibels=rival.decibels,
                than_voice_seconds=voice,
                than_decibels=take.decibels,
            )
            if better and (best is take or (heard, rival.decibels) > most):
                best, most = rival, (heard, rival.decibels)
        return best

    def _mended(self, take: Take) -> Take:
        """Return a take by a better plan, as long as the report of the last one asks for one."""
        while (plan := better_plan(take.report, take.plan)) is not None:
            take = self._make(plan)
        return take

    def _make(self, plan: Plan) -> Take:
        self._made += 1
        report = self._ffmpeg.run(conversion_arguments(plan, self._limits))
        recording = self._ffmpeg.folder / f"take-{self._made}.mp3"
        if (written := self._ffmpeg.folder / RECORDING_NAME).exists():
            written.replace(recording)
        check_duration(report, name=self._ffmpeg.name, limits=self._limits)
        return Take(plan, report, recording)
