"""The audio streams of an upload: in which order they are tried, and how they are named to a user."""

import re
from collections.abc import Sequence

from tasks.batches import AudioStream
from tasks.errors import MediaRejected
from tasks.media.ffmpeg_log import Report, Stream
from tasks.names import display_name

MAX_STREAMS_TRIED = 8

CLEAR_VOICE_SECONDS = 10.0
CLEAR_VOICE_SHARE = 0.2
"""A stream with a voice for so long, or for this share of its length, is taken; another only if none has more."""

VIDEO_CONTAINERS = {"mp4": "video/mp4", "matroska": "video/x-matroska", "ogg": "video/ogg"}
"""Media types of the containers that browsers may play, by ffmpeg's name."""

WEBM_CODECS = frozenset({"vp8", "vp9", "av1", "opus", "vorbis", "webvtt"})
STILL_CODECS = frozenset({"mjpeg", "png", "bmp", "gif"})
"""Codecs of covers and pictures of chapters."""

ASIDE = frozenset(
    (
        *("comment", "lyrics", "karaoke", "hearing impaired", "visual impaired", "clean effects", "descriptions"),
        "non-diegetic",
    )
)
"""ffmpeg's names of what a stream is beside the main sound of a film."""

_TITLE_ASIDE = re.compile(
    r"\b(comment(ary|aries)|audio.?descri\w+|descriptive|karaoke|instrumental|music and effects|m&e)\b", re.IGNORECASE
)


def audio_streams(report: Report) -> tuple[Stream, ...]:
    """Return the audio streams of the upload in their order."""
    return tuple(stream for stream in report.streams if stream.kind == "audio")


def playable_video(report: Report) -> str:
    """Return the media type of the upload if it has a picture that browsers may show; empty otherwise."""
    films = [stream for stream in report.streams if stream.kind == "video" and not _is_still(stream)]
    container = next((name for name in VIDEO_CONTAINERS if name in report.format.split(",")), "")
    if not films or not container:
        return ""
    is_webm = container == "matroska" and all(stream.codec in WEBM_CODECS for stream in report.streams)
    return "video/webm" if is_webm else VIDEO_CONTAINERS[container]


def _is_still(stream: Stream) -> bool:
    return stream.cover or stream.codec in STILL_CODECS


def order_of_trial(streams: Sequence[Stream]) -> list[int]:
    """
    Return the places of *streams*, from 0, in the order in which they are tried.

    What is beside the main sound comes after it, the stream that players take by default first. Protected streams can't
    be decoded and are left out.
    """
    places = [place for place, stream in enumerate(streams) if not stream.protected]
    return sorted(places, key=lambda place: (_is_aside(streams[place]), not streams[place].is_default))


def _is_aside(stream: Stream) -> bool:
    return bool(stream.flags & ASIDE) or _TITLE_ASIDE.search(stream.title) is not None


def named_streams(streams: Sequence[Stream]) -> tuple[AudioStream, ...]:
    """Return the audio streams as records keep them, with the names that their file gives them."""
    return tuple(
        AudioStream(
            number=number,
            title=display_name(stream.title),
            language="" if stream.language == "und" else display_name(stream.language),
        )
        for number, stream in enumerate(streams, 1)
    )


def check_stream_exists(streams: Sequence[Stream], wanted: int, *, name: str) -> None:
    """Raise `MediaRejected` unless there is an audio stream of the number *wanted*, which counts from 1."""
    if wanted <= len(streams):
        return
    there = listed(named_streams(streams))
    held = f"It has {len(streams)}: {there}" if len(streams) > 1 else "It has one"
    msg = f"{name} has no audio stream {wanted}. {held}. Choose one of them, or none to have the one with speech taken."
    raise MediaRejected(msg)


def check_not_protected(streams: Sequence[Stream], *, name: str) -> None:
    """Raise `MediaRejected` if the sound is encrypted."""
    if streams and all(stream.protected for stream in streams):
        msg = f"{name} is protected against copying (DRM), so it can't be read. Upload a version without protection."
        raise MediaRejected(msg)


def listed(streams: Sequence[AudioStream]) -> str:
    """Return the streams for a sentence: ``1 (“Desktop”), 2 (“Mic”, eng) and 3``."""
    texts = [_described(stream) for stream in streams]
    return " and ".join(filter(None, (", ".join(texts[:-1]), texts[-1]))) if texts else ""


def _described(stream: AudioStream) -> str:
    facts = ", ".join(filter(None, (f"“{stream.title}”" if stream.title else "", stream.language)))
    return f"{stream.number} ({facts})" if facts else str(stream.number)


def where_nothing_was_said(taken: int, streams: Sequence[AudioStream]) -> str:
    """Return what a sentence about missing speech adds for an upload with several audio streams; else nothing."""
    others = [stream for stream in streams if stream.number != taken]
    if not others:
        return ""
    verb = "The other is" if len(others) == 1 else "The others are"
    return f" in audio stream {taken} of {len(streams)}. {verb} {listed(others)}; the option audio_stream chooses one."
