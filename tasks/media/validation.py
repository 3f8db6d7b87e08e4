"""Validation: reject an upload that can't be transcribed, with a sentence for the user who sent it."""

from tasks.errors import ConversionInterrupted, MediaRejected
from tasks.media.ffmpeg_log import Report
from tasks.media.losses import Losses
from tasks.media.plan import TOLERANCE_SECONDS, ConversionLimits
from tasks.names import display_name

SECONDS_PER_MINUTE = 60
REPAIR = "Repair it or export it again, then upload it."
MIN_RATE = 1000
"""Samples per second below which no speech is left in a sound."""


def check_opened(report: Report, *, name: str) -> None:
    """Raise `MediaRejected` unless ffmpeg could open the upload and found sound in it."""
    if not report.format:
        raise MediaRejected(_why_not_opened(report, name))
    if not any(stream.kind == "audio" for stream in report.streams):
        found = ", ".join(str(stream) for stream in report.streams) or "nothing"
        msg = f"{name} has no audio stream; found: {found}. Upload a file with sound."
        raise MediaRejected(msg)
    if 0 < report.rate < MIN_RATE:
        msg = (
            f"{name} has {report.rate} samples per second, too few for speech: {MIN_RATE} are needed, and 8000 or more "
            "are good. Check how it was exported, then upload it again."
        )
        raise MediaRejected(msg)
    if not report.decoded.seconds or not report.written.seconds:
        msg = f"{name} holds no sound that can be decoded. Check that it plays, or export it as MP3 or WAV."
        raise MediaRejected(msg)


def _why_not_opened(report: Report, name: str) -> str:
    said = " ".join(report.errors)
    if "moov atom not found" in said:
        return (
            f"{name} is cut off: its index (moov) is missing, as when a recording or a copy was interrupted. {REPAIR}"
        )
    if "no 'data' tag found" in said:
        return f"{name} is a WAV header without any sound. {REPAIR}"
    return f"{name} is not an audio or video file that can be read. Check that it plays, or export it as MP3 or WAV."


def check_ended_well(report: Report, *, name: str) -> None:
    """Raise `MediaRejected` if ffmpeg gave up for another reason than a broken upload."""
    if report.exit_code and not report.reading_failed:
        why = report.errors[-1] if report.errors else f"exit code {report.exit_code}"
        msg = f"{name} can't be converted (ffmpeg: {display_name(why)}). Export it as MP3 or WAV and upload that."
        raise MediaRejected(msg)


def check_losses(report: Report, losses: Losses, *, name: str, refuse_damaged: bool) -> None:
    """
    Raise `MediaRejected` for an upload that is damaged or cut off, if those are refused or next to nothing is left.

    Losses up to `TOLERANCE_SECONDS` are let pass.
    """
    heard = report.decoded.seconds
    if losses.seconds > TOLERANCE_SECONDS and (refuse_damaged or heard <= TOLERANCE_SECONDS):
        whole = clock(heard + losses.seconds)
        msg = f"{name} is damaged or cut off: only {clock(heard)} of {whole} could be read. {REPAIR}"
        raise MediaRejected(msg)


def check_duration(report: Report, *, name: str, limits: ConversionLimits) -> None:
    """Raise `MediaRejected` if the sound, as decoded, is longer than a recording may be."""
    if report.written.seconds > limits.max_audio_seconds:
        longest = clock(limits.max_audio_seconds)
        msg = f"{name} is longer than {longest}, the longest that is transcribed here. Upload it in parts."
        raise MediaRejected(msg)


def check_recording(report: Report, decoded: float, *, name: str) -> None:
    """Raise `ConversionInterrupted` unless the MP3 decodes to as many seconds of sound as went into it."""
    written = report.written.seconds
    if abs(written - decoded) > TOLERANCE_SECONDS:
        msg = f"The recording of {name} came out as {clock(decoded)} instead of {clock(written)}. Retry it."
        raise ConversionInterrupted(msg)


def clock(seconds: float) -> str:
    """Return a length for display: ``5.9 s``, or ``1:02:03`` from two minutes on."""
    if seconds < 2 * SECONDS_PER_MINUTE:
        return f"{max(0.0, seconds):.1f} s"
    minutes, whole_seconds = divmod(round(seconds), SECONDS_PER_MINUTE)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole_seconds:02}"
