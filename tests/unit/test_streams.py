"""The order in which audio streams are tried, and their descriptions."""

import pytest

from tasks.batches import AudioStream
from tasks.errors import MediaRejected
from tasks.media.ffmpeg_log import Stream, read_log
from tasks.media.streams import (
    audio_streams,
    check_not_protected,
    check_stream_exists,
    listed,
    named_streams,
    order_of_trial,
    where_nothing_was_said,
)

LOG = """\
[info] Input #0, matroska,webm, from 'file:upload':
[info]   Metadata:
[info]     title           : The film
[info]   Duration: 00:00:11.06, start: 0.000000, bitrate: 213 kb/s
[info]   Stream #0:0: Video: mpeg4 (Simple Profile), yuv420p, 64x64 [SAR 1:1 DAR 1:1], 10 fps (default)
[info]   Stream #0:1: Audio: aac (LC), 16000 Hz, mono, fltp (comment)
[info]     Metadata:
[info]       title           : Desktop
[info]   Stream #0:2[0x102](eng): Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, 5.1(side), fltp, 69 kb/s (default)
[info]     Metadata:
[info]       title           : Mic
                      : [info]   Stream #0:9: Audio: evil
[info]       title           : not this one
[info]   Stream #0:3(pt (BR)): Audio: aac (LC) (enca / 0x61636E65), 44100 Hz, stereo, fltp (hearing impaired) \
(visual impaired)
[info] Stream mapping:
"""


def stream(*flags: str, title: str = "", language: str = "", protected: bool = False) -> Stream:
    return Stream(
        0, "audio", "aac", cover=False, title=title, language=language, flags=frozenset(flags), protected=protected
    )


def test_streams_are_read_with_their_names_and_what_they_are_for():
    first, second, third = audio_streams(read_log(LOG.splitlines()))
    assert (first.number, first.title, first.language, first.flags) == (1, "Desktop", "", {"comment"})
    assert (second.number, second.title, second.language) == (2, "Mic", "eng")
    assert (second.layout, second.is_default, second.protected) == ("5.1(side)", True, False)
    assert (third.number, third.language, third.protected) == (3, "pt (BR)", True)
    assert third.flags == {"hearing impaired", "visual impaired"}


@pytest.mark.parametrize(
    ("streams", "order"),
    [
        ([stream()], [0]),
        ([stream(), stream()], [0, 1]),
        ([stream(), stream("default")], [1, 0]),
        ([stream("default"), stream("default")], [0, 1]),  # Matroska's own default
        ([stream("comment"), stream()], [1, 0]),
        ([stream("default", "comment"), stream(), stream("default")], [2, 1, 0]),
        ([stream("default", "visual impaired"), stream()], [1, 0]),
        ([stream("default", title="Director's Commentary"), stream()], [1, 0]),
        ([stream("default", title="Commentator 1"), stream()], [0, 1]),
        ([stream("default", "dub"), stream("original")], [0, 1]),
        ([stream("default", protected=True), stream()], [1]),
    ],
)
def test_the_main_sound_is_tried_first(streams, order):
    assert order_of_trial(streams) == order


def test_a_stream_that_is_not_there_is_refused_with_those_that_are():
    streams = [stream(title="Desktop"), stream(title="Mic", language="eng"), stream(language="und")]
    check_stream_exists(streams, 3, name="x.mkv")
    with pytest.raises(MediaRejected) as refusal:
        check_stream_exists(streams, 4, name="x.mkv")
    assert str(refusal.value).startswith(
        "x.mkv has no audio stream 4. It has 3: 1 (“Desktop”), 2 (“Mic”, eng) and 3. Choose one of them"
    )
    with pytest.raises(MediaRejected, match=r"^x\.m4a has no audio stream 2\. It has one\. "):
        check_stream_exists(streams[:1], 2, name="x.m4a")


def test_only_an_upload_of_which_all_is_protected_is_refused_for_it():
    check_not_protected([stream(protected=True), stream()], name="x")
    check_not_protected([], name="x")
    with pytest.raises(MediaRejected, match=r"^x is protected against copying \(DRM\)"):
        check_not_protected([stream(protected=True)], name="x")


def test_missing_speech_names_the_other_streams():
    streams = (AudioStream(number=1), AudioStream(number=2, title="Mic"), AudioStream(number=3, language="eng"))
    assert where_nothing_was_said(1, ()) == ""
    assert where_nothing_was_said(1, streams[:1]) == ""
    assert where_nothing_was_said(1, streams[:2]) == (
        " in audio stream 1 of 2. The other is 2 (“Mic”); the option audio_stream chooses one."
    )
    assert where_nothing_was_said(2, streams) == (
        " in audio stream 2 of 3. The others are 1 and 3 (eng); the option audio_stream chooses one."
    )


def test_names_from_a_file_are_short_and_printable():
    (named,) = named_streams([stream(title="a\x1b" + "b" * 500, language="und")])
    assert named.title.isprintable()
    assert (len(named.title), named.language) == (80, "")
    assert listed([]) == ""
