"""The arguments and limits of ffmpeg, the plan that follows a loss, and refusals of what can become no recording."""

import signal
from dataclasses import replace

import pytest

from tasks.errors import ConversionInterrupted, MediaRejected
from tasks.media.ffmpeg_log import Report, Sound, Stream
from tasks.media.losses import Losses
from tasks.media.plan import (
    ConversionLimits,
    Plan,
    better_plan,
    conversion_arguments,
    first_sound_arguments,
    interruption,
    offset_seconds,
    sound_arguments,
    survey_arguments,
)
from tasks.media.survey import Stretch
from tasks.media.validation import check_duration, check_ended_well, check_losses, check_opened, check_recording, clock

AUDIO = Stream(1, "audio", "aac", cover=False)
FILM = Stream(0, "video", "h264", cover=False)
WHOLE = Report(
    format="mov,mp4,m4a,3gp,3g2,mj2",
    streams=(AUDIO,),
    declared_seconds=600.0,
    channels=2,
    decoded=Sound(600.0, -20.0),
    written=Sound(600.0, -23.0),
)


@pytest.mark.parametrize(
    "arguments",
    [
        conversion_arguments(Plan(), ConversionLimits(60.0)),
        first_sound_arguments(Plan()),
        survey_arguments(),
        sound_arguments(),
    ],
)
def test_ffmpeg_may_open_nothing_but_the_one_file(arguments):
    before_input = arguments[: arguments.index("-i")]
    assert "-nostdin" in before_input
    assert before_input[before_input.index("-protocol_whitelist") + 1] == "file"
    demuxers = set(before_input[before_input.index("-format_whitelist") + 1].split(","))
    assert not demuxers & {
        "concat",
        "hls",
        "dash",
        "image2",
        "lavfi",
        "tty",
        "sdp",
        "rtsp",
        "imf",
        "webm_dash_manifest",
    }


@pytest.mark.parametrize(
    ("plan", "decoded", "written", "better"),
    [
        (Plan(), Sound(600, -20), Sound(600, -23), None),
        (Plan(), Sound(600, -91), Sound(600, -91), None),  # silence
        (Plan(), Sound(600, -20), Sound(700, -21), None),  # a pause
        (Plan(), Sound(600, -20), Sound(500, -20), Plan(keep_times=False)),
        (Plan(keep_times=False), Sound(600, -20), Sound(500, -20), None),
    ],
)
def test_plan_is_changed_for_what_it_lost(plan, decoded, written, better):
    assert better_plan(replace(WHOLE, decoded=decoded, written=written), plan) == better


@pytest.mark.parametrize(
    ("start", "first", "offset"),
    [(0.0, 0.0, 0.0), (0.0, 3.0, 3.0), (1.4, 1.4, 0.0), (1.4, 4.3766, 2.977), (-0.007, 0.0, 0.0), (0.0, 0.04, 0.0)],
)
def test_offset_counts_from_the_start_of_the_container(start, first, offset):
    report = replace(WHOLE, start_seconds=start, first_sound_seconds=first)
    assert offset_seconds(report) == pytest.approx(offset)


LOST = Losses((Stretch(100.0, 110.0), Stretch(600.0, 1190.0)))


def test_damaged_upload_is_refused_with_the_figures_where_that_is_asked_for():
    check_losses(WHOLE, LOST, name="talk.mp4", refuse_damaged=False)
    check_losses(WHOLE, Losses((Stretch(100.0, 100.5),)), name="talk.mp4", refuse_damaged=True)
    with pytest.raises(MediaRejected) as rejection:
        check_losses(WHOLE, LOST, name="talk.mp4", refuse_damaged=True)
    sentence = "talk.mp4 is damaged or cut off: only 0:10:00 of 0:20:00 could be read. Repair it or export it again"
    assert str(rejection.value).startswith(sentence)


def test_upload_of_which_next_to_nothing_can_be_read_is_refused():
    with pytest.raises(MediaRejected, match=r"only 0\.4 s of 0:10:00 could be read"):
        check_losses(replace(WHOLE, decoded=Sound(0.4)), LOST, name="talk.mp4", refuse_damaged=False)
    check_losses(replace(WHOLE, decoded=Sound(0.4)), Losses(), name="yes.mp4", refuse_damaged=True)


def test_ffmpeg_that_gives_up_on_something_else_than_broken_data_is_a_refusal():
    check_ended_well(replace(WHOLE, exit_code=1, reading_failed=True), name="talk.wv")
    with pytest.raises(MediaRejected, match=r"^talk\.mp4 can't be converted \(ffmpeg: Filter not found\)\."):
        check_ended_well(replace(WHOLE, exit_code=1, errors=("Filter not found",)), name="talk.mp4")


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (Report(errors=("moov atom not found",)), "x is cut off: its index (moov) is missing"),
        (Report(errors=("Format not on whitelist 'aac'",)), "x is not an audio or video file that can be read"),
        (Report(format="mov", streams=(FILM,)), "x has no audio stream; found: video/h264. Upload a file with sound."),
        (Report(format="mov"), "x has no audio stream; found: nothing. "),
        (Report(format="wav", streams=(AUDIO,)), "x holds no sound that can be decoded"),
        (replace(WHOLE, rate=100), "x has 100 samples per second, too few for speech: 1000 are needed"),
    ],
)
def test_upload_without_sound_is_rejected_with_what_it_is(report, sentence):
    with pytest.raises(MediaRejected) as rejection:
        check_opened(report, name="x")
    assert str(rejection.value).startswith(sentence)


def test_length_is_limited_as_decoded_not_as_declared():
    limits = ConversionLimits(max_audio_seconds=600.0)
    check_duration(replace(WHOLE, declared_seconds=10_000.0), name="x", limits=limits)
    with pytest.raises(MediaRejected, match=r"^x is longer than 0:10:00, "):
        check_duration(replace(WHOLE, declared_seconds=1.0, written=Sound(601.0)), name="x", limits=limits)


def test_recording_must_hold_what_went_into_it():
    check_recording(WHOLE, 600.4, name="x")
    with pytest.raises(ConversionInterrupted, match=r"came out as 0:09:59 instead of 0:10:00"):
        check_recording(WHOLE, 599.4, name="x")


@pytest.mark.parametrize(
    ("exit_code", "timed_out", "report", "error"),
    [
        (0, False, WHOLE, None),
        (1, False, WHOLE, None),  # a matter of the media
        (-signal.SIGKILL, False, WHOLE, ConversionInterrupted),  # no memory left
        (-signal.SIGKILL, True, WHOLE, ConversionInterrupted),
        (255, False, replace(WHOLE, stopped_by_signal=signal.SIGTERM), ConversionInterrupted),
        (255, False, replace(WHOLE, stopped_by_signal=signal.SIGXCPU), MediaRejected),
        (-signal.SIGSEGV, False, WHOLE, MediaRejected),
        (1, False, replace(WHOLE, errors=("Error writing trailer: No space left on device",)), ConversionInterrupted),
        (1, False, replace(WHOLE, errors=("Error opening input: Cannot allocate memory",)), ConversionInterrupted),
        (127, False, Report(), ConversionInterrupted),  # its libraries are missing: the upload is not to blame
        (1, False, Report(errors=("Error opening input: Invalid data found",)), None),
    ],
)
def test_end_of_ffmpeg_says_whether_trying_again_helps(exit_code, timed_out, report, error):
    outcome = interruption("x", exit_code=exit_code, timed_out=timed_out, report=report)
    assert type(outcome) is (error or type(None))


def test_limits_of_the_process_grow_with_what_it_may_have_to_do():
    short, long = ConversionLimits(3600.0), ConversionLimits(86_400.0)
    assert (
        short.of_process(0).timeout_seconds
        < long.of_process(0).timeout_seconds
        < long.of_process(2**34).timeout_seconds
    )
    assert long.of_process(0).file_bytes > 86_400 * 20_000  # a day of the highest bit rate fits


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (5.94, "5.9 s"),
        (119.9, "119.9 s"),
        (120.0, "0:02:00"),
        (3599.6, "1:00:00"),
        (86_400, "24:00:00"),
    ],
)
def test_lengths_are_shown_for_people(seconds, shown):
    assert clock(seconds) == shown
