"""The log of ffmpeg, of old and new versions: streams, lengths, levels, damage, and how it ended."""

import signal

import pytest

from tasks.media.ffmpeg_log import Sound, read_log

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
