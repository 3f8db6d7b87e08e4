"""Validation: reject an upload that can't be transcribed, with a sentence for the user who sent it."""

from tasks.errors import ConversionInterrupted, MediaRejected
from tasks.media.ffmpeg_log import Report
from tasks.media.plan import ESTIMATE_TOLERANCE, PACKET_SECONDS, TOLERANCE_SECONDS, ConversionLimits
from tasks.names import display_name

SECONDS_PER_MINUTE = 60
REPAIR = "Repair it or export it again, then upload it."
_WITHOUT_PAUSES = ("flac",)
"""Containers in which every sample follows the one before: a gap is damage, also where ffmpeg says nothing."""


def check_opened(report: Report, *, name: str) -> None:
    """Raise `MediaRejected` unless ffmpeg could open the upload and found sound in it."""
    if not report.format:
        raise MediaRejected(_why_not_opened(report, name))
    if not any(stream.kind == "audio" for stream in report.streams):
        found = ", ".join(str(stream) for stream in report.streams) or "nothing"
        msg = f"{name} has no audio stream; found: {found}. Upload a file with sound."
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


def check_complete(report: Report, *, name: str, offset_seconds: float, wav_share: float = 1.0) -> None:
    """
    Raise `MediaRejected` if more than `TOLERANCE_SECONDS` of the sound could not be read.

    *offset_seconds* is where the sound starts on the upload's clock, *wav_share* how much of the sound that a WAV
    header announces is in the file.
    """
    heard, written = report.decoded.seconds, report.written.seconds
    undecoded_seconds = report.undecoded_packets * PACKET_SECONDS
    if 0 < wav_share < 1:
        declared = heard / wav_share
        cut_off_seconds = declared - heard
    else:
        declared = heard if report.declared_seconds is None else report.declared_seconds - offset_seconds
        cut_off_seconds = _cut_off_seconds(report, declared=declared)
    hole_seconds = written - heard if report.damaged or report.format in _WITHOUT_PAUSES else 0.0
    lost = max(cut_off_seconds, hole_seconds, undecoded_seconds)
    if lost > TOLERANCE_SECONDS:
        whole = max(declared, written, heard + undecoded_seconds)
        msg = f"{name} is damaged or cut off: only {clock(whole - lost)} of {clock(whole)} could be read. {REPAIR}"
        raise MediaRejected(msg)
    if report.reading_failed:
        msg = f"{name} is damaged: nothing could be read after the first {clock(heard)}. {REPAIR}"
        raise MediaRejected(msg)
    if report.exit_code:
        why = report.errors[-1] if report.errors else f"exit code {report.exit_code}"
        msg = f"{name} can't be converted (ffmpeg: {display_name(why)}). Export it as MP3 or WAV and upload that."
        raise MediaRejected(msg)


def _cut_off_seconds(report: Report, *, declared: float) -> float:
    """Return the seconds by which the sound ends before *declared*, as far as that can be trusted."""
    missing = declared - report.written.seconds
    if report.declared_is_estimate:
        return missing if report.damaged and missing > ESTIMATE_TOLERANCE * declared + TOLERANCE_SECONDS else 0.0
    # A film may go on after its sound.
    return missing if report.lasts_by_sound or report.damaged else 0.0


def check_duration(report: Report, *, name: str, limits: ConversionLimits) -> None:
    """Raise `MediaRejected` if the sound, as decoded, is longer than a recording may be."""
    if report.written.seconds > limits.max_audio_seconds:
        longest = clock(limits.max_audio_seconds)
        msg = f"{name} is longer than {longest}, the longest that is transcribed here. Upload it in parts."
        raise MediaRejected(msg)


def check_recording(report: Report, recording: Report, *, name: str) -> None:
    """Raise `ConversionInterrupted` unless the MP3 decodes to as much sound as went into it."""
    written, decoded = report.written.seconds, recording.written.seconds
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
