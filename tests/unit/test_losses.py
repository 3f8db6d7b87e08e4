"""Lost sound, measured: packets without frames, jumps beside damage, and ends that a file itself counts in bytes."""

from dataclasses import replace

import pytest

from tasks.batches import GapReason
from tasks.media.announced import Announced
from tasks.media.ffmpeg_log import Report, Sound, Stream
from tasks.media.losses import Losses, has_no_clock, holes_in_survey, losses_in_survey, needs_survey, seconds_cut_off
from tasks.media.mpeg_frames import FrameWalk, Hole
from tasks.media.sources import Layout
from tasks.media.survey import Stretch, Survey, merged, read_survey

AUDIO = Stream(0, "audio", "opus", cover=False)
WHOLE = Report(
    format="matroska,webm",
    streams=(AUDIO,),
    declared_seconds=600.0,
    decoded=Sound(600.0),
    written=Sound(600.0),
)
PACKET = "[aist#0:0/opus @ 0x1] [info] demuxer+ffmpeg -> ist_index:0:0 type:audio pkt_pts:0 pkt_pts_time:{} pkt_dts:0 \
pkt_dts_time:0 duration:960 duration_time:0.5 off:0 off_time:0"
PACKET_5 = "[info] demuxer+ffmpeg -> ist_index:0 type:audio pkt_pts:0 pkt_pts_time:{} pkt_dts:0 pkt_dts_time:0 \
duration:960 duration_time:0.5 off:0 off_time:0"
FRAME = "[aost#0:0 @ 0x1] [enc:pcm_s16le @ 0x2] [info] encoder -> type:audio pkt_pts:0 pkt_pts_time:{} pkt_dts:0 \
pkt_dts_time:0 duration:960 duration_time:0.5"
BROKEN = "[in#0/matroska,webm @ 0x1] [error] 0x00 at pos 19946 (0x4dea) invalid as first byte of an EBML number"
BROKEN_5 = "[matroska,webm @ 0x1] [error] 0x00 at pos 19946 (0x4dea) invalid as first byte of an EBML number"
CORRUPT = "[in#0/mpegts @ 0x1] [warning] corrupt input packet in stream 0"
UNDECODED = "[aist#0:0/opus @ 0x1] [dec:opus @ 0x2] [error] Error submitting packet to decoder: Invalid data"


def log(script: str, packet: str = PACKET) -> list[str]:
    """
    Return the log for *script*: for each half second ``.`` a packet that is decoded, ``x`` one that isn't, `` `` none.

    ``!`` is an error of the container, ``c`` a corrupt packet of it, ``<`` sets the clock back by 10 s.
    """
    lines, time = [], 0.0
    for sign in script:
        if sign in ".x":
            lines.append(packet.format(time))
            lines.append(FRAME.format(time) if sign == "." else UNDECODED)
        elif sign == "<":
            time -= 10.0
            continue
        elif sign in "!5c":
            lines.append({"!": BROKEN, "5": BROKEN_5, "c": CORRUPT}[sign])
            continue
        time += 0.5
    return lines


@pytest.mark.parametrize(
    ("script", "container", "lost"),
    [
        ("....", "matroska,webm", []),
        ("..xx..", "matroska,webm", [(1.0, 2.0)]),
        ("xx....", "matroska,webm", [(0.0, 1.0)]),
        ("....xx", "matroska,webm", [(2.0, 3.0)]),
        ("..x.x.", "matroska,webm", [(1.0, 1.5), (2.0, 2.5)]),
        ("..    ..", "matroska,webm", []),  # a muted microphone
        ("..    ....!", "matroska,webm", []),  # the file is cut off much later
        ("..x    ..", "matroska,webm", [(1.0, 1.5)]),  # the container is whole: the pause behind a bad packet is one
        ("..x    ..", "ogg", [(1.0, 3.5)]),  # pages are missing, of which ffmpeg says nothing
        ("..!    ..", "matroska,webm", [(1.0, 3.0)]),
        (".!.    ..", "matroska,webm", [(1.0, 3.0)]),  # ffmpeg reads a little ahead
        (".!....    ..", "matroska,webm", []),
        (".!....    ..", "ogg", [(2.5, 4.5)]),  # a page that was read ahead lies in between
        ("..c    ..", "mpegts", [(1.0, 3.0)]),
        ("..    ..", "flac", [(1.0, 3.0)]),  # every sample follows the one before
        ("!..    ..", "flv", [(1.0, 3.0)]),  # said while ffmpeg looked at the beginning
        ("!....................    ..", "flv", []),
        ("......................<......x.", "matroska,webm", [(14.0, 14.5)]),  # two files: the clock starts again
    ],
)
def test_survey_tells_lost_sound_from_pauses(script, container, lost):
    survey = read_survey(log(script), container=container)
    assert [(stretch.start, stretch.end) for stretch in survey.lost] == lost


def test_survey_reads_the_words_of_old_and_new_ffmpeg():
    lines = log("..5    ..", packet=PACKET_5)
    doubled = [line for line in lines for _ in range(1 + line.startswith("[aost"))]
    assert read_survey(doubled, container="matroska,webm").lost == (Stretch(1.0, 3.0),)


def test_packet_that_claims_to_last_longer_than_any_other_is_not_believed():
    header = PACKET.format(1.0).replace("duration_time:0.5", "duration_time:60")
    survey = read_survey([*log(".."), header, UNDECODED], container="ogg")
    assert survey.lost == (Stretch(1.0, 2.0),)


@pytest.mark.parametrize(
    ("script", "broke_off"), [("....", False), ("!....", False), (".!....", False), ("....!", True)]
)
def test_survey_knows_whether_something_broken_follows(script, broke_off):
    assert read_survey(log(script), container="matroska,webm").broke_off is broke_off


def test_survey_knows_what_was_read():
    survey = read_survey(log("  ..  ...x."), container="matroska,webm")
    assert survey.read == (Stretch(1.0, 2.0), Stretch(3.0, 4.5), Stretch(5.0, 5.5))
    assert survey.start == 1.0
    assert [survey.read_before(time) for time in (0.5, 1.5, 2.5, 4.5, 9.0)] == [0.0, 0.5, 1.0, 2.5, 3.0]


def test_titles_in_a_file_are_no_packets():
    title = "[info]     title           : " + PACKET.removeprefix("[aist#0:0/opus @ 0x1] [info] ").format(9.0)
    assert read_survey([*log(".."), title], container="mov").lost == ()


def test_endless_survey_is_not_kept():
    lines = (line for number in range(20_000) for line in (PACKET.format(2 * number), FRAME.format(2 * number + 0.5)))
    survey = read_survey(lines, container="mov")
    assert len(survey.read) <= 10_000
    assert len(survey.lost) <= 10_000


def test_losses_are_told_on_the_clock_of_the_recording():
    survey = Survey(read=(Stretch(3.0, 10.0), Stretch(12.0, 20.0)), lost=(Stretch(2.0, 3.0), Stretch(10.0, 12.0)))
    assert losses_in_survey(survey, WHOLE) == Losses((Stretch(7.0, 9.0),), at_start=1.0)
    assert holes_in_survey(survey) == (Stretch(0.0, 1.0), Stretch(8.0, 10.0))


@pytest.mark.parametrize(
    ("losses", "offset", "gaps"),
    [
        (Losses(), 0.0, []),
        (Losses((Stretch(5.0, 5.5),)), 0.0, []),  # too short to cost a word
        (Losses((Stretch(5.0, 5.6),)), 0.0, [(5.0, 5.6)]),
        (Losses((Stretch(5.0, 8.0), Stretch(60.0, 60.1))), 3.0, [(8.0, 11.0)]),
        (Losses((Stretch(5.0, 5.4), Stretch(5.6, 6.0))), 0.0, [(5.0, 6.0)]),  # nothing can be understood in between
        (Losses((Stretch(5.0, 5.4), Stretch(60.0, 60.4))), 0.0, [(5.0, 5.4), (60.0, 60.4)]),  # together they matter
        (Losses((Stretch(7.0, 9.0),), at_start=2.0), 2.0, [(0.0, 2.0), (9.0, 11.0)]),
    ],
)
def test_gaps_are_the_losses_that_matter_on_the_clock_of_the_transcript(losses, offset, gaps):
    found = losses.gaps(offset)
    assert [(gap.start, gap.end) for gap in found] == gaps
    assert {gap.reason for gap in found} <= {GapReason.UNREADABLE}


def test_stretches_are_merged_in_order_of_time():
    stretches = [Stretch(5.0, 6.0), Stretch(1.0, 2.0), Stretch(1.5, 1.7), Stretch(2.3, 3.0)]
    assert merged(stretches) == (Stretch(1.0, 3.0), Stretch(5.0, 6.0))


def test_upload_is_surveyed_only_where_something_is_wrong():
    assert not needs_survey(replace(WHOLE, written=Sound(700.0)))  # pauses
    assert needs_survey(replace(WHOLE, errors=("File ended prematurely",)))
    assert needs_survey(replace(WHOLE, corrupt=True))
    assert needs_survey(replace(WHOLE, format="flac", written=Sound(700.0)))


def test_bare_frames_are_told_from_containers_with_a_clock():
    mp3 = Stream(0, "audio", "mp3", cover=False)
    assert [has_no_clock(Report(format=name, streams=(mp3,))) for name in ("mp3", "wav", "avi", "mov")] == [
        *(True, True, False, False)
    ]
    assert has_no_clock(Report(format="aac", streams=(Stream(0, "audio", "aac", cover=False),)))
    assert not has_no_clock(Report(format="wav", streams=(Stream(0, "audio", "pcm_s16le", cover=False),)))


FILM = replace(WHOLE, streams=(Stream(0, "video", "h264", cover=False), Stream(1, "audio", "opus", cover=False)))
CUT = Announced(1000)
FRAMES = FrameWalk(seconds=600.0, frame_bytes=600_000, size=600_000)


@pytest.mark.parametrize(
    ("report", "found", "missing"),
    [
        (WHOLE, {}, 0.0),
        (replace(WHOLE, declared_seconds=900.0), {}, 0.0),  # chapters, or subtitles
        (replace(WHOLE, declared_seconds=900.0, errors=("a bad packet",)), {"announced": Announced(0)}, 0.0),
        (replace(WHOLE, declared_seconds=900.0), {"announced": CUT}, 300.0),
        (replace(WHOLE, declared_seconds=900.0, start_seconds=10.0), {"announced": CUT}, 290.0),  # counts from 0
        (replace(WHOLE, declared_seconds=900.0, sound_seconds=610.0), {"announced": CUT}, 10.0),  # pictures go on
        (replace(WHOLE, declared_seconds=900.0, declared_is_estimate=True), {"announced": CUT}, 0.0),
        (replace(WHOLE, declared_seconds=900.0, first_sound_seconds=100.0), {"announced": CUT}, 200.0),
        (replace(WHOLE, declared_seconds=900.0), {"announced": Announced(1000, 600.2)}, 0.2),  # only pictures missing
        (replace(WHOLE, declared_seconds=900.0), {"announced": Announced(1000, 700.0)}, 100.0),
        (replace(WHOLE, declared_seconds=900.0), {"announced": Announced(0), "broke_off": True}, 300.0),
        (replace(WHOLE, declared_seconds=600.0), {"announced": Announced(0), "broke_off": True}, 0.0),  # junk
        (replace(FILM, declared_seconds=900.0), {"announced": Announced(0), "broke_off": True}, 0.0),
        (replace(FILM, sound_seconds=900.0), {"announced": Announced(0), "broke_off": True}, 300.0),
        (replace(WHOLE, format="flac", declared_seconds=900.0), {}, 300.0),
        (replace(WHOLE, format="flac", declared_seconds=300.0), {}, 0.0),  # two of them, joined
        (replace(WHOLE, format="wv", declared_seconds=900.0, reading_failed=True), {}, 300.0),
        (replace(WHOLE, declared_seconds=None, reading_failed=True), {}, 0.5),  # at least
        (WHOLE, {"layout": Layout(missing_bytes=32_000, present_bytes=64_000, byte_rate=16_000)}, 2.0),
        (WHOLE, {"layout": Layout(missing_bytes=32_000, present_bytes=64_000)}, 300.0),
        (WHOLE, {"frames": FRAMES}, 0.0),
        (WHOLE, {"frames": replace(FRAMES, announced_bytes=600_000, announced_seconds=1200.0)}, 0.0),  # a wrong count
        (WHOLE, {"frames": replace(FRAMES, announced_bytes=900_000, announced_seconds=910.0)}, 310.0),
        (WHOLE, {"frames": replace(FRAMES, announced_bytes=900_000, announced_seconds=9000.0)}, 300.0),
        (WHOLE, {"frames": replace(FRAMES, announced_bytes=900_000, first=500)}, 300.5),
    ],
)
def test_end_is_missing_only_if_the_file_proves_it(report, found, missing):
    known = {"layout": Layout(), "announced": None, "frames": None} | found
    assert seconds_cut_off(report, **known) == pytest.approx(missing)


@pytest.mark.parametrize(
    ("hole", "announced_bytes", "lost"),
    [
        (Hole(10.0, 10_000, 5_000), 0, [(10.0, 5.0)]),  # frames follow
        (Hole(600.0, 590_000, 10_000), 0, []),  # what stands behind the last frame may be anything
        (Hole(600.0, 590_000, 10_000), 600_000, [(600.0, 10.0)]),  # the header counts it as sound
        (Hole(600.0, 590_000, 10_000), 590_000, []),
    ],
)
def test_holes_between_frames_last_as_long_as_their_bytes(hole, announced_bytes, lost):
    assert list(replace(FRAMES, holes=(hole,), announced_bytes=announced_bytes).lost()) == lost
