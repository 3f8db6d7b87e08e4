"""Names, ffmpeg's words, and what follows from them."""

import signal
from dataclasses import replace

import pytest

from tasks.errors import ConversionInterrupted, MediaRejected
from tasks.media.ffmpeg_log import Report, Sound, Stream, read_log
from tasks.media.formats import begins_like_media, is_media
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
from tasks.media.validation import (
    check_duration,
    check_ended_well,
    check_losses,
    check_opened,
    check_recording,
    clock,
)

AUDIO = Stream(1, "audio", "aac", cover=False)
FILM = Stream(0, "video", "h264", cover=False)
COVER = Stream(2, "video", "mjpeg", cover=True)
WHOLE = Report(
    format="mov,mp4,m4a,3gp,3g2,mj2",
    streams=(AUDIO,),
    declared_seconds=600.0,
    channels=2,
    decoded=Sound(600.0, -20.0),
    written=Sound(600.0, -23.0),
)

FFMPEG_5 = """\
[volumedetect@written @ 0x562c2a000180] [info] n_samples: 0
[info] Input #0, matroska,webm, from 'file:upload':
[info]   Metadata:
[info]     title           : Duration: 99:00:00.00, start: 7.000000
[info]                     :   Stream #0:9: Audio: evil
[info]   Duration: 00:01:10.25, start: 1.400000, bitrate: 66 kb/s
[info]   Stream #0:0: Video: h264 (High), yuv420p(progressive), 160x120, 10 fps (default)
[info]   Stream #0:1(eng): Audio: aac (LC), 44100 Hz, stereo, fltp (default)
[info]   Stream #0:2: Video: mjpeg (Baseline), yuvj444p, 100x100 (attached pic)
[info] Stream mapping:
[info]   Stream #0:1 (aac) -> asplit:default
[ashowinfo@decoded @ 0x562c29f04900] [info] n:0 pts:97 pts_time:2.2 pos:320 fmt:fltp channels:2 chlayout:stereo \
rate:44100 nb_samples:1024 checksum:1AC67314 plane_checksums: [ CAD5702E 06B502E6 ]
[info] Output #0, mp3, to 'file:recording.mp3':
[info]   Stream #0:0: Audio: mp3, 16000 Hz, mono, fltp
[aac @ 0x55d42af7fd00] [error] channel element 0.0 is not allocated
[error] Error while decoding stream #0:1: Invalid data found when processing input
[volumedetect@written @ 0x562c2a000280] [info] n_samples: 960000
[volumedetect@written @ 0x562c2a000280] [info] mean_volume: -26.8 dB
[volumedetect@decoded @ 0x562c29f049c0] [info] n_samples: 5203800
[volumedetect@decoded @ 0x562c29f049c0] [info] mean_volume: -23.8 dB
"""

FFMPEG_9 = """\
[in#0/matroska,webm @ 0x5562caf36500] [error] File ended prematurely
[aist#0:1/aac @ 0x55ba48115300] [dec:aac @ 0x55ba48115301] [error] Error submitting packet to decoder: Invalid data
[in#0/ogg @ 0x5562caf36500] [error] Error during demuxing: Not yet implemented in FFmpeg, patches welcome
[in#0/wav @ 0x5562caf36500] [warning] corrupt input packet in stream 1
[in#0/mp3 @ 0x5562caf36500] [warning] Estimating duration from bitrate, this may be inaccurate
[info] Exiting normally, received signal 15.
"""


@pytest.mark.parametrize(
    ("path", "accepted"),
    [
        ("talk.mp3", True),
        ("Talks/2026/Überraschung.M4A", True),
        ("capture.mts", True),
        ("memo.qta", True),
        ("voice.3ga", True),
        ("ringtone.m4r", True),
        ("dictation.DSS", True),
        ("dictation.ds2", True),  # to be told why it can't be read
        ("talk.mp3.exe", False),
        ("talk", False),
        (".mp3", False),  # a hidden file without an ending
        ("mp3", False),
        ("list.m3u8", False),
        ("notes.txt", False),
    ],
)
def test_media_are_told_by_their_ending(path, accepted):
    assert is_media(path) is accepted


@pytest.mark.parametrize(
    ("start", "is_media"),
    [
        (b"RIFF\x24\x80\0\0WAVEfmt ", True),
        (b"RIFF\x24\x80\0\0AVI LIST", True),
        (b"RIFF\x24\x80\0\0WEBPVP8 ", False),  # a picture
        (b"FORM\0\0\0\x24AIFFCOMM", True),
        (b"FORM\0\0\0\x24ILBMBMHD", False),  # a picture
        (b"ID3\4\0\0", True),
        (b"\xff\xfb\x90\x64", True),
        (b"\xff\xf1\x50\x80", True),
        (b"\xff\xd8\xff\xe0", False),  # JPEG
        (b"\xff\xfeH\0i\0", False),  # text in UTF-16
        (b"\0\0\0\x18ftypM4A ", True),
        (b"\0\0\0\x08wide\0\0\0\0mdat", True),
        (b"\0\0\0\x18ftypheic", False),  # a photo
        (b"\0\0\0\x18ftypavif", False),
        ((b"G" + bytes(187)) * 3, True),
        (bytes(4) + (b"G" + bytes(191)) * 3, True),
        (b"Good morning" + b"G" * 9, False),
        (b"\x03ds2", True),  # to be told why it can't be read
        (b"#EXTM3U\nhttp://example.org/a.ts", False),  # playlists name other files
        (b"ffconcat version 1.0\nfile a.mp3", False),
        (b"%PDF-1.7", False),
        (b"PK\3\4", False),
        (b"MZ\x90\0", False),
        (b"\x7fELF", False),
        (b"", False),
    ],
)
def test_media_whose_names_tell_nothing_are_told_by_their_start(start, is_media):
    assert begins_like_media(start) is is_media


def test_report_has_what_ffmpeg_measured():
    report = read_log(FFMPEG_5.splitlines())
    assert report.format == "matroska,webm"
    assert [(stream.number, str(stream), stream.cover) for stream in report.streams] == [
        (0, "video/h264", False),
        (1, "audio/aac", False),
        (2, "video/mjpeg", True),
    ]
    assert (report.declared_seconds, report.start_seconds, report.first_sound_seconds) == (70.25, 1.4, 2.2)
    assert report.decoded == Sound(pytest.approx(59.0), pytest.approx(-23.8))
    assert report.written == Sound(pytest.approx(60.0), pytest.approx(-26.8))
    assert (report.channels, report.rate, report.reading_failed) == (2, 44100, False)


def test_sound_that_changes_midway_is_summed_up():
    frame = (
        "[ashowinfo@decoded @ 0x1] [info] n:0 pts:0 pts_time:0 fmt:fltp channels:{} chlayout:x rate:{} nb_samples:9 "
    )
    count = "[volumedetect@decoded @ 0x1] [info] n_samples: {}"
    level = "[volumedetect@decoded @ 0x1] [info] mean_volume: {} dB"
    lines = [frame.format(1, 8000), count.format(16000), level.format(-20.0)]
    lines += [frame.format(2, 48000), count.format(96000), level.format(-91.0)]
    assert read_log(lines).decoded == Sound(pytest.approx(3.0), pytest.approx(-28.45, abs=0.01))


def test_both_kinds_of_ffmpeg_are_understood():
    report = read_log(FFMPEG_5.splitlines() + FFMPEG_9.splitlines())
    assert report.reading_failed
    assert report.corrupt
    assert report.declared_is_estimate
    assert report.stopped_by_signal == signal.SIGTERM


def test_damage_to_pictures_is_none_to_the_sound():
    pictures = (
        "[h264 @ 0x55d42af7fd00] [error] non-existing PPS 0 referenced",
        "[vist#0:0/h264 @ 0x55ba48115300] [dec:h264 @ 0x55ba48115301] [error] no frame!",
        "[mpegts @ 0x55d42af7fd00] [warning] Packet corrupt (stream = 0, dts = 486000).",
        "[warning] file:upload: corrupt input packet in stream 0",
    )
    undamaged = [line for line in FFMPEG_5.splitlines() if "[error]" not in line]
    assert not read_log([*pictures, *undamaged]).damaged
    assert read_log([*undamaged, "[warning] file:upload: corrupt input packet in stream 1"]).damaged


def test_endless_log_is_not_kept():
    report = read_log(f"[info]   Stream #0:{number}: Audio: aac" for number in range(3))
    assert report.streams == ()  # before the input was opened
    report = read_log(f"[part{number % 1000} @ 0x1] [error] trouble {number}" for number in range(100_000))
    assert len(report.errors) == 100


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
