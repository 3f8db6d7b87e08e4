"""
Survey of a damaged upload: the stretches of its sound that could not be read, measured packet by packet.

ffmpeg's log of a run with ``-debug_ts`` has a line for each packet that it took from the file and for each frame that
came out of the decoder. A packet without a frame is lost for as long as it lasts. A jump of the packets' clock is a
pause that the file means, unless the file is damaged right there: then it is lost too.
"""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from tasks.media.ffmpeg_log import LOG_LINE

SAME_TIME_SECONDS = 0.012
"""Difference of times that are meant to be the same: some containers round to 10 ms."""

STEP_BACK_SECONDS = 0.5
"""A clock that runs back by so much has started again: files put one behind the other."""

JITTER_SECONDS = 0.1
"""Jumps up to this length are those of a sloppy clock, damage or not."""

NEAR_SECONDS = 0.5
"""Sound between an error in the container and a jump that it caused: ffmpeg reads ahead, and packs hold several."""

NEAR_SECONDS_IN_OGG = 10.0
"""The same for pages of Ogg, which hold up to 255 packets. Pauses are all but unknown there."""

OPENING_SECONDS = 10.0
"""Errors logged before the first packet are about sound before this time; ffmpeg repeats later ones."""

MERGE_SECONDS = 0.5
"""Sound between two losses that is too short to be understood counts as lost too."""

MAX_STRETCHES = 10_000

_PACKET = re.compile(r"demuxer\+ffmpeg -> ist_index:\S+ type:audio .*?pkt_pts_time:(\S+) .*?duration_time:(\S+)")
_FRAME = re.compile(r"encoder -> type:audio .*?pkt_pts_time:(\S+) .*?duration_time:(\S+)")
_WITH_PLAN_OF_TIMES = ("mov", "matroska")
"""Containers that name the place of every packet, or say so when they can't: a packet's own damage moves no clock."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of sound, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Length of the stretch."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Survey:
    """
    The sound of an upload as it was read. All times are on the upload's clock as ffmpeg keeps it.

    Where that clock runs back, it is taken as going on from where it was.
    """

    read: tuple[Stretch, ...] = ()
    """The sound that was decoded, in runs without a jump."""
    lost: tuple[Stretch, ...] = ()
    """The sound that the file has a place for and that could not be decoded."""
    damaged_at_opening: bool = False
    """True if ffmpeg complained of the container before it had read the first packet."""
    broke_off: bool = False
    """True if ffmpeg complained of the container right behind the last packet."""

    @property
    def start(self) -> float:
        """Time of the first sound."""
        return self.read[0].start if self.read else 0.0

    def read_before(self, time: float) -> float:
        """Return the seconds of sound that were decoded before *time*."""
        return sum(min(run.end, time) - run.start for run in self.read if run.start < time)


def merged(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """Return *stretches* in order of time, those that touch or nearly touch as one."""
    whole: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda stretch: stretch.start):
        if whole and stretch.start - whole[-1].end <= MERGE_SECONDS:
            whole[-1] = Stretch(whole[-1].start, max(whole[-1].end, stretch.end))
        else:
            whole.append(stretch)
    return tuple(whole)


def read_survey(lines: Iterable[str], *, container: str) -> Survey:
    """
    Return the survey in *lines*, the log of a run with `tasks.media.plan.survey_arguments`.

    *container* is ffmpeg's name of the upload's format. The lines are read to the end, and little of them is kept.
    """
    survey = _Surveying(container)
    for line in lines:
        survey.take(line)
    return survey.finish()


@dataclass(slots=True)
class _Clock:
    """A clock that never runs back by more than a moment."""

    shift: float = 0.0
    last_end: float | None = None

    def place(self, text: str, duration: float) -> Stretch:
        """Return the place of a packet or frame at the time *text*; one without a time follows the last."""
        start = (self.last_end or 0.0) if text == "NOPTS" else float(text) + self.shift
        if self.last_end is not None and start < self.last_end - duration - STEP_BACK_SECONDS:
            self.shift += self.last_end - start
            start = self.last_end
        end = start + duration
        self.last_end = end if self.last_end is None else max(self.last_end, end)
        return Stretch(start, end)


@dataclass(frozen=True, slots=True)
class _Packet:
    place: Stretch
    jump: Stretch | None
    """The stretch before it that has no packet."""
    beside_error: bool
    """True if ffmpeg complained of the container there."""


@dataclass(slots=True)
class _Surveying:
    container: str
    packets: _Clock = field(default_factory=_Clock)
    frames: _Clock = field(default_factory=_Clock)
    pending: deque[_Packet] = field(default_factory=deque)
    read: list[Stretch] = field(default_factory=list)
    lost: list[Stretch] = field(default_factory=list)
    last_error: float | None = None
    opening_error: bool = False
    opening_jumps: list[Stretch] = field(default_factory=list)
    last_frame: tuple[str, str] = ("", "")
    last_was_lost: bool = False
    longest: float = 0.0
    """Length of the longest packet that was decoded."""

    def take(self, line: str) -> None:
        if not (match := LOG_LINE.match(line)):
            return
        level, text = match["level"], match["text"]
        if level == "info":
            if packet := _PACKET.match(text):
                self._take_packet(packet[1], packet[2])
            elif frame := _FRAME.match(text):
                self._take_frame(frame[1], frame[2])
        elif self._is_damage(level, match["part"] or "", text):
            if self.packets.last_end is None:
                self.opening_error = True
            else:
                self.last_error = self.packets.last_end

    def _is_damage(self, level: str, part: str, text: str) -> bool:
        """Return whether a message is about a broken place in the container, and not about its end."""
        if "ended prematurely" in text:
            return False
        return "orrupt" in text or (level in ("error", "fatal") and self._is_of_container(part))

    def _is_of_container(self, part: str) -> bool:
        return part == self.container or part.startswith("in#0")

    def _take_packet(self, time: str, duration: str) -> None:
        before = self.packets.last_end
        place = self.packets.place(time, 0.0 if duration == "NOPTS" else float(duration))
        jump = Stretch(before, place.start) if before is not None and place.start - before > JITTER_SECONDS else None
        near = NEAR_SECONDS_IN_OGG if self.container == "ogg" else NEAR_SECONDS
        beside_error = jump is not None and self.last_error is not None and jump.start - self.last_error <= near
        self.pending.append(_Packet(place, jump, beside_error))
        if jump and place.start < OPENING_SECONDS:
            self.opening_jumps.append(jump)

    def _take_frame(self, time: str, duration: str) -> None:
        if (time, duration) == self.last_frame:  # ffmpeg 5 reports each twice
            return
        self.last_frame = (time, duration)
        frame = self.frames.place(time, float(duration))
        read_to = self.read[-1].end if self.read else None
        while self.pending and self.pending[0].place.start < frame.end - SAME_TIME_SECONDS:
            packet = self.pending.popleft()
            start = packet.place.start
            decoded = start >= frame.start - SAME_TIME_SECONDS or (
                read_to is not None and start < read_to - SAME_TIME_SECONDS
            )
            self._judge(packet, decoded=decoded)
        if read_to is not None and abs(frame.start - read_to) <= SAME_TIME_SECONDS:
            self.read[-1] = Stretch(self.read[-1].start, frame.end)
        elif len(self.read) < MAX_STRETCHES:
            self.read.append(frame)
        else:
            self.read[-1] = Stretch(self.read[-1].start, frame.end)

    def _judge(self, packet: _Packet, *, decoded: bool) -> None:
        moves_clock = not self.container.startswith(_WITH_PLAN_OF_TIMES)
        beside_loss = moves_clock and (self.last_was_lost or not decoded)
        if packet.jump and (packet.beside_error or beside_loss or self.container == "flac"):
            self._lose(packet.jump)
        start, seconds = packet.place.start, packet.place.seconds
        if decoded:
            self.longest = max(self.longest, seconds)
        else:
            # ffmpeg 5 takes the headers of joined Ogg files for sound of nearly a second.
            self._lose(Stretch(start, start + min(seconds, 2 * self.longest or seconds)))
        self.last_was_lost = not decoded

    def _lose(self, stretch: Stretch) -> None:
        # Before 0 lies what an edit list hides, and what an encoder needs to get going.
        stretch = Stretch(max(0.0, stretch.start), stretch.end)
        last = self.lost[-1] if self.lost else None
        if last and (stretch.start - last.end <= SAME_TIME_SECONDS or len(self.lost) == MAX_STRETCHES):
            self.lost[-1] = Stretch(last.start, max(last.end, stretch.end))
        else:
            self.lost.append(stretch)

    def finish(self) -> Survey:
        while self.pending:
            self._judge(self.pending.popleft(), decoded=False)
        lost = self.lost
        if self.opening_error and self.last_error is None:  # it was met while ffmpeg looked at the beginning
            jumps = [jump for jump in self.opening_jumps if not any(one.start <= jump.start < one.end for one in lost)]
            lost = sorted([*lost, *jumps], key=lambda stretch: stretch.start)
        end = self.packets.last_end
        broke_off = end is not None and self.last_error is not None and end - self.last_error <= NEAR_SECONDS
        return Survey(tuple(self.read), tuple(one for one in lost if one.seconds > 0), self.opening_error, broke_off)
