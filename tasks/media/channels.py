"""
Channels of a stereo upload with a voice of its own in each, as telephone systems and interview recorders write them.

The recording is mono. So which channel is heard when is measured while the upload is there, and kept with the recording
as the times at which the voice goes over to the other channel.
"""

import math
import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from tasks.media.plan import ConversionLimits, Plan, joined_sources, on_the_clock, source_input

CHANNELS = "channels"
"""Name of the point of the filter graph at which both channels are measured."""

RATE = 8000
WINDOW_SECONDS = 0.1

LOUD_PERCENT = 99
"""A channel is as loud as this many percent of its windows are at most."""

LEAST_DECIBELS = -60.0
"""A channel that is not even as loud as this has no voice."""

ACTIVE_DECIBELS = -25.0
"""A voice is heard in a channel down to this far below how loud it is."""

CLEAR_DECIBELS = 8.0
"""So much louder than the other one, each against how loud it is, a channel has the voice to itself."""

CLEAR_SHARE = 0.7
"""Share of the windows with a voice in which it is in one channel. Of a room that two microphones hear it is less."""

LEAST_SECONDS = 2.0
"""Each channel has a voice to itself for so long."""

LEAST_WINDOWS = 2
"""A voice that is shorter is a click or crosstalk."""

MOST_TURNS = 20_000
"""A recording with more has none: they are passed on with it, and no talk has turns of a second all day."""

_LEVEL = re.compile(r"\[ametadata@channels @ 0x[0-9a-f]+\] \[info\] lavfi\.astats\.([12])\.RMS_level=(\S+)")


@dataclass(frozen=True, slots=True)
class ChannelLevels:
    """The level of both channels in each window, in decibels against full scale."""

    left: Sequence[float] = field(default_factory=lambda: array("f"))
    right: Sequence[float] = field(default_factory=lambda: array("f"))


def channel_arguments(plan: Plan, limits: ConversionLimits) -> list[str]:
    """Return ffmpeg's arguments that measure both channels over time, on the recording's clock."""
    graph = (
        f"{joined_sources(plan)}{on_the_clock(plan)}aresample={RATE}:async=1,"
        f"asetnsamples=n={round(RATE * WINDOW_SECONDS)},"
        "astats=metadata=1:reset=1:measure_perchannel=RMS_level:measure_overall=none,"
        f"ametadata@{CHANNELS}=mode=print[measured]"
    )
    return [
        *("-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info", "-threads", "1"),
        *(word for source in plan.sources for word in source_input(source, limits)),
        *("-filter_complex", graph, "-map", "[measured]", "-vn", "-max_error_rate", "1", "-f", "null", "-"),
    ]


def read_channel_levels(lines: Iterable[str]) -> ChannelLevels:
    """Return the levels in the *lines* of ffmpeg's log for `channel_arguments`."""
    levels = {"1": array("f"), "2": array("f")}
    for line in lines:
        if match := _LEVEL.match(line):
            level = float(match[2]) if match[2] not in ("nan", "-nan") else -math.inf
            levels[match[1]].append(max(level, -200.0))
    return ChannelLevels(levels["1"], levels["2"])


def channel_turns(levels: ChannelLevels) -> tuple[float, ...]:
    """
    Return the seconds at which the voice goes over to the other channel, from the left one, which has the first turn.

    Where the right one begins, the left one's turn ends at 0. Empty if not each channel has a voice of its own.
    """
    loud = (_loud(levels.left), _loud(levels.right))
    if min(loud) < LEAST_DECIBELS:
        return ()
    heard = [_heard(left - loud[0], right - loud[1]) for left, right in zip(levels.left, levels.right, strict=False)]
    alone = [heard.count(channel) for channel in (0, 1)]
    active = len(heard) - heard.count(None)
    if min(alone) * WINDOW_SECONDS < LEAST_SECONDS or sum(alone) < CLEAR_SHARE * active:
        return ()
    changes = _changes(heard)
    return changes if len(changes) <= MOST_TURNS else ()


_BOTH = 2


def _heard(left: float, right: float) -> int | None:
    """Return the channel that has the voice in a window, 2 if both have, None if neither."""
    if max(left, right) < ACTIVE_DECIBELS:
        return None
    if abs(left - right) < CLEAR_DECIBELS:
        return _BOTH
    return 0 if left > right else 1


def _changes(heard: Sequence[int | None]) -> tuple[float, ...]:
    """Return the changes, each in the middle between the two voices."""
    runs: list[tuple[int, int, int]] = []
    for channel, windows in groupby(range(len(heard)), key=heard.__getitem__):
        inside = list(windows)
        if channel not in (0, 1) or len(inside) < LEAST_WINDOWS:
            continue
        if runs and runs[-1][0] == channel:
            runs[-1] = (channel, runs[-1][1], inside[-1] + 1)
        else:
            runs.append((channel, inside[0], inside[-1] + 1))
    if not runs:
        return ()
    middles = [round((before[2] + after[1]) / 2 * WINDOW_SECONDS, 2) for before, after in pairwise(runs)]
    return (*([0.0] if runs[0][0] == 0 else [0.0, 0.0]), *middles)


def _loud(levels: Sequence[float]) -> float:
    ordered = sorted(levels)
    return ordered[(len(ordered) - 1) * LOUD_PERCENT // 100] if ordered else -math.inf
