"""
The mix of an upload's channels to the one that is heard, and when another mix has to be compared with ffmpeg's own.

A mix is an expression of ffmpeg's filter ``pan``. ffmpeg's own one adds all channels, which is right for nearly all
uploads. It is wrong where channels cancel each other out, and where the voice is in the centre of a film and drowns in
the music around it. Both are suspected from what is measured, and decided by where more of a voice is heard.
"""

import math
from dataclasses import dataclass

from tasks.media.ffmpeg_log import Report

DOWNMIX = ""
"""ffmpeg's own mix, by the loudspeakers that the channels are meant for."""

SIDE = "0.5*c0-0.5*c1"
"""The difference of two channels: what they carry with opposite signs, as by a cable that is wired the wrong way."""

CENTRE = "FC"
"""The loudspeaker in the middle, from which the voices of a film come."""

STEREO = 2
MAX_CHANNELS_TRIED = 8

SIDE_MARGIN_DECIBELS = 3.0
"""Two channels cancel each other out if their difference is so much louder than their sum."""

CANCELLATION_MARGIN_DECIBELS = 10 * math.log10((1 + 10 ** (SIDE_MARGIN_DECIBELS / 10)) / 2)
"""
The same said of the mix and the channels' mean power. Channels that have nothing in common, or of which one alone is in
use, make a mix that is by 10 log n quieter; this much below that they cancel each other out.
"""

AUDIBLE_DECIBELS = -80.0

SAME_VOICE = 0.8
"""Share of the voice in the mix that has to be in another one that is cleaner, so that nothing said is lost."""

CENTRE_VOICE = 0.7
"""The same for the centre: singing in the music around it is taken for a voice as well."""

LEAST_VOICE_SECONDS = 0.5

_LAYOUTS_WITHOUT_CENTRE = (
    "quad",
    "2.",
    "6.0(front)",
    "6.1(front)",
    "hexadecagonal",
    "downmix",
    "ambisonic",
    "binaural",
)


def all_channels(count: int) -> str:
    """Return the mix of *count* channels in which all count the same, as those of microphones do."""
    return "+".join(f"{1 / count:.6f}*c{number}" for number in range(count))


def has_centre(report: Report) -> bool:
    """Return whether the upload says that one of its channels is the centre. ffmpeg's own guess is none."""
    if report.layout_guessed or report.channels <= STEREO:
        return False
    name, _, positions = report.layout.partition(" channels")
    if positions or name.isdigit():  # "4 channels (FL+FR+FC+LFE)"
        return "FC" in positions.strip(" ()").split("+")
    return bool(name) and not name.startswith(_LAYOUTS_WITHOUT_CENTRE)


def cancels(report: Report) -> bool:
    """Return whether the mix is so much quieter than the channels that they seem to cancel each other out."""
    if report.channels < STEREO or report.decoded.mean_decibels < AUDIBLE_DECIBELS:
        return False
    margin = 10 * math.log10(report.channels) + CANCELLATION_MARGIN_DECIBELS
    return report.decoded.mean_decibels - report.written.mean_decibels > margin


def rival_mixes(report: Report) -> tuple[str, ...]:
    """Return the mixes that are to be compared with the one that *report*, of a conversion without gain, is about."""
    rivals = (CENTRE,) if has_centre(report) else ()
    if not cancels(report):
        return rivals
    if report.channels == STEREO:
        return (SIDE,)
    return (*rivals, *(f"c{number}" for number in range(min(report.channels, MAX_CHANNELS_TRIED))))


@dataclass(frozen=True, slots=True)
class Heard:
    """The seconds of a voice in a mix, and its level in decibels against full scale, before any gain."""

    voice_seconds: float
    decibels: float


def is_better(mix: str, heard: Heard, than: Heard) -> bool:
    """Return whether the voice is to be taken from *mix* and not, as *than*, from all channels."""
    if mix == CENTRE:
        return heard.voice_seconds >= max(CENTRE_VOICE * than.voice_seconds, LEAST_VOICE_SECONDS)
    louder = heard.decibels > than.decibels + SIDE_MARGIN_DECIBELS
    return louder and heard.voice_seconds >= SAME_VOICE * than.voice_seconds
