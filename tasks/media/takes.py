"""
Takes: the conversions of an upload that are tried, and the choice of the one that is kept.

One take is enough for nearly all uploads. Where there are several audio streams, or the channels of one don't mix,
takes are compared by the voice that is heard in them.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from tasks.media.ffmpeg_log import Report
from tasks.media.mixes import Heard, is_better, rival_mixes
from tasks.media.plan import RECORDING_NAME, ConversionLimits, Plan, better_plan, conversion_arguments, levelled_plan
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

    def discard(self) -> None:
        """Remove its recording."""
        self.recording.unlink(missing_ok=True)

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

    def again(self, take: Take, plan: Plan) -> Take:
        """
        Return the take of another plan, in whose place *take* was. Raises as `best` does.

        Its level is measured again: the plan may read sound that *take* did not reach.
        """
        made = self._keep(self._make(replace(plan, high_pass=False, gain_decibels=0.0)), take)
        check_opened(made.report, name=self._ffmpeg.name)
        return self._levelled(made)

    def _of_streams(self, first: Take, places: list[int]) -> Take:
        """Return the take of the first stream with a clear voice, or else of the one with most of one."""
        best, most = None, (-1.0, False)
        for place in places:
            take = self._of_stream(first, place)
            clear = min(CLEAR_VOICE_SECONDS, CLEAR_VOICE_SHARE * take.report.written.seconds)
            voice = take.voice_seconds(enough=CLEAR_VOICE_SECONDS)
            if voice and voice >= clear:
                return self._keep(take, best)
            merit = (voice, take.report.has_sound)
            if best is None or merit > most:
                best, most = self._keep(take, best), merit
            else:
                take.discard()
        return best or first

    def _of_stream(self, first: Take, place: int) -> Take:
        """Return the take of one stream with the mix in which the voice is heard best."""
        plain = first if first.plan.stream == place else self._make(replace(first.plan, stream=place))
        while (plan := better_plan(plain.report, plain.plan)) is not None:
            plain = self._keep(self._make(plan), plain)
        rivals = rival_mixes(plain.report) if plain.report.written.seconds else ()
        best = self._levelled(plain)
        if not rivals:
            return best
        than, most = Heard(best.voice_seconds(), plain.decibels), -1.0
        for mix in rivals:
            rival = self._levelled(self._make(replace(plain.plan, mix=mix)))
            heard = Heard(rival.voice_seconds(), rival.decibels)
            if heard.voice_seconds > most and is_better(mix, heard, than):
                best, most = self._keep(rival, best), heard.voice_seconds
            else:
                rival.discard()
        return best

    def _levelled(self, take: Take) -> Take:
        """Return the same take at the right level."""
        plan = levelled_plan(take.report, take.plan)
        return take if plan is None else self._keep(self._make(plan), take)

    def _make(self, plan: Plan) -> Take:
        self._made += 1
        report = self._ffmpeg.run(conversion_arguments(plan, self._limits))
        recording = self._ffmpeg.folder / f"take-{self._made}.mp3"
        if (written := self._ffmpeg.folder / RECORDING_NAME).exists():
            written.replace(recording)
        check_duration(report, name=self._ffmpeg.name, limits=self._limits)
        read = audio_streams(report)[plan.stream : plan.stream + 1]
        return Take(plan, replace(report, sound_seconds=read[0].end_seconds if read else None), recording)

    @staticmethod
    def _keep(take: Take, other: Take | None) -> Take:
        """Return *take*; the recording of the *other* one goes, which may be of many hours."""
        if other is not None and other is not take:
            other.discard()
        return take
