"""The level of a recording over time, and what is changed about a quiet one or one with an offset."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

WINDOW_SECONDS = 0.25
"""Length of the windows whose mean level is measured."""

LOUD_SECONDS = 3.0
LOUD_SHARE = 0.1
"""
A recording is as loud as it is for `LOUD_SECONDS` in all, or for `LOUD_SHARE` of a shorter one. A peak would be that of
a click or of a door that slams, and an average that of the pauses.
"""

QUIET_DECIBELS = -36.0
"""
Speech below has its peaks under about -20 dBFS. The voice detector begins to miss parts of it some 10 dB further down.
"""

OVERDRIVEN_DECIBELS = -3.0
"""Only sound that goes beyond full scale, as recorders with floating point write it, is as loud as this or louder."""

SILENT_DECIBELS = -85.0
"""Level of what is no sound but its rounding to 16 bits."""

FINE_SILENT_DECIBELS = -120.0
"""The same for 24 bits and for floating point."""

TARGET_DECIBELS = -18.0
"""Level that a quiet or overdriven recording is brought to: that of close speech, with its peaks at about -3 dBFS."""

OFFSET_DECIBELS = -50.0
"""A constant offset below this level changes nothing."""

OFFSET_MARGIN_DECIBELS = 3.0
"""An offset is removed that has more power than all that can be heard."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The mean levels of a recording's windows, without what is too low for a voice."""

    windows: Mapping[int, int] = field(default_factory=dict)
    """Number of windows by their level in decibels against full scale, rounded."""

    @property
    def loud_decibels(self) -> float:
        """Level of the loud parts, in decibels against full scale."""
        count = sum(self.windows.values())
        louder = min(LOUD_SECONDS / WINDOW_SECONDS, LOUD_SHARE * count)
        levels = sorted(self.windows, reverse=True)
        up_to = accumulate(self.windows[level] for level in levels)
        return next((level for level, windows in zip(levels, up_to, strict=True) if windows > louder), -math.inf)

    @property
    def mean_decibels(self) -> float:
        """Mean power of the whole, in decibels against full scale."""
        power = sum(count * 10 ** (level / 10) for level, count in self.windows.items())
        return 10 * math.log10(power / sum(self.windows.values())) if power else -math.inf

    def gain_decibels(self, *, fine: bool) -> float:
        """Return the gain that the recording needs, mostly 0. *fine* sound was stored in more than 16 bits."""
        loud = self.loud_decibels
        if loud <= (FINE_SILENT_DECIBELS if fine else SILENT_DECIBELS) or QUIET_DECIBELS <= loud < OVERDRIVEN_DECIBELS:
            return 0.0
        return TARGET_DECIBELS - loud

    def is_offset(self, mean_decibels: float) -> bool:
        """Return whether a recording with this mean level, all included, is mostly a constant offset."""
        return bool(self.windows) and mean_decibels > max(OFFSET_DECIBELS, self.mean_decibels + OFFSET_MARGIN_DECIBELS)
