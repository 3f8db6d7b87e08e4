"""The place of the sound in an upload, and its announced end, by the bytes of the file."""

import struct

import pytest

from tasks.media.samples import Samples
from tasks.media.sources import WHOLE_FILE, Source, find_layout
from tests.support.sample_files import FORMAT, PLAIN, SPEECH, aiff, au, speech, w64, wav

FORM = Samples("s16le", 16000, 1)


def ds64(length: int) -> tuple[bytes, int, bytes]:
    return (b"ds64", 28, struct.pack("<QQQI", 1, length, 1, 0))


LIST = (b"LIST", 4, b"INFO")
ADPCM = (b"fmt ", 16, struct.pack("<HHIIHH", 17, 1, 16000, 8000, 256, 4))


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        wav((b"bext", 3, bytes(4)), FORMAT, speech(), LIST),
        wav(FORMAT, speech(), (b"id3 ", 3, bytes(4)), LIST),  # odd chunks are padded
        wav(FORMAT, speech(), (b"LIST", 4000, b"INFO")),  # cut off behind the sound
        PLAIN + bytes(7),
        wav(FORMAT, speech(0)),  # recorders that lost power, or write into a pipe: ffmpeg reads to the end
        wav(FORMAT, speech(0xFFFFFFFF)),
        wav(FORMAT, speech(0x7FFFF000)),
        wav(FORMAT, speech(0x7FF00000)),
        wav(ds64(32000), FORMAT, speech(0xFFFFFFFF), kind=b"RF64"),
        wav(ADPCM, speech()),
        b"",
        b"RIFF",
        b"ID3\x04" + bytes(100),
        wav(FORMAT),
        b"RIFF\0\0\0\0AVI LIST" + bytes(100),
        wav(FORMAT, (b"data", 0, b""), LIST),  # no sound at all
    ],
)
def test_ordinary_file_is_left_to_ffmpeg_and_lacks_nothing(content):
    layout = find_layout(content, len(content))
    assert layout.sources == WHOLE_FILE
    assert layout.missing_seconds(1.0) == 0.0


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (wav(FORMAT, speech(16000)), [1.0]),  # stale: written when half of it was there
        (wav(FORMAT, speech(16000), LIST), [1.0 + 12 / 32000]),  # ... and then there is no telling where it ends
        (wav(ds64(0), FORMAT, speech(0xFFFFFFFF), kind=b"RF64"), [1.0]),
        (wav(ds64(2**64 - 1), FORMAT, speech(0xFFFFFFFF), kind=b"RF64"), [1.0]),
        (wav(ds64(2**63), FORMAT, speech(0xFFFFFFFF), kind=b"BW64"), [1.0]),
        (wav((b"bext", 3, bytes(3)), FORMAT, speech()), [1.0]),  # odd, without the byte that makes it even
        (PLAIN + PLAIN, [1.0, 1.0]),
        (PLAIN + wav(FORMAT, speech(0)), [1.0, 1.0]),
        (wav(FORMAT, speech(), LIST) + PLAIN + PLAIN, [1.0, 1.0, 1.0]),
        (wav(FORMAT, speech(16000)) + PLAIN, [1.0, 1.0]),
        (wav(FORMAT, speech(0)) + PLAIN, [1.0, 1.0]),
        (wav(FORMAT, speech(32050)) + PLAIN, [1.0, 1.0]),  # the first was cut off
    ],
)
def test_sound_that_the_header_does_not_know_of_is_read_as_samples(content, seconds):
    sources = find_layout(content, len(content)).sources
    assert [source.seconds for source in sources] == pytest.approx(seconds, abs=1e-4)
    assert {source.samples for source in sources} == {FORM}
    assert all(content[source.start : source.start + 128] == SPEECH[:128] for source in sources)


def test_sound_that_is_no_plain_samples_is_left_to_ffmpeg_beyond_its_header():
    stale, joined = wav(ADPCM, speech(8000)), wav(ADPCM, speech()) * 2
    assert find_layout(stale, len(stale)).sources == (Source(to_end_of_file=True),)
    assert find_layout(joined, len(joined)).sources == (Source(), Source(len(joined) // 2))
    both = stale + stale
    assert find_layout(both, len(both)).sources == (Source(), Source(len(stale), to_end_of_file=True))


def test_hundreds_of_joined_files_are_read_to_the_end():
    content = PLAIN * 300
    sources = find_layout(content, len(content)).sources
    assert len(sources) == 100
    assert sum(source.seconds for source in sources) == pytest.approx(300.0, abs=0.5)


class LongFile:
    """A header, and the same second of sound as often as it takes."""

    def __init__(self, header: bytes, size: int) -> None:
        self.header, self.size = header, size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self.size)
        return bytes(
            self.header[at] if at < len(self.header) else SPEECH[at % len(SPEECH)] for at in range(start, stop)
        )

    def find(self, sub: bytes, start: int) -> int:
        return self.header.find(sub, start)


@pytest.mark.parametrize("stated", [32000, 0, 0xFFFFFFFF])
def test_sound_longer_than_a_header_can_count_is_read_whole(stated):
    header = wav(FORMAT, (b"data", stated, b""))
    size = len(header) + 32000 + 2**32
    (source,) = find_layout(LongFile(header, size), size).sources
    assert source.seconds in (None, (32000 + 2**32) / 32000)


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (wav(FORMAT, speech(96000)), 2.0),
        (wav(ds64(2**33), FORMAT, speech(0xFFFFFFFF), kind=b"RF64"), (2**33 - 32000) / 32000),
        (wav(ADPCM, speech(40000)), 1.0),
        (wav((b"fmt ", 16, struct.pack("<HHIIHH", 2, 1, 16000, 0, 256, 4)), speech(96000)), 200.0),  # by the share
    ],
)
def test_header_that_announces_more_than_there_is_tells_what_is_missing(content, missing):
    layout = find_layout(content, len(content))
    assert layout.sources == WHOLE_FILE
    assert layout.missing_seconds(100.0) == pytest.approx(missing)


def caf(length: int) -> bytes:
    return (
        b"caff"
        + bytes(4)
        + b"desc"
        + struct.pack(">q", 32)
        + bytes(32)
        + b"data"
        + struct.pack(">qI", length, 0)
        + SPEECH
    )


@pytest.mark.parametrize(
    ("content", "form"),
    [
        *((w64(length), "s16le") for length in (0, 24, 2**63 - 1, 2**64 - 1)),
        *((aiff(length), "s16be") for length in (0, 8, 0x7FFFFFFF, 0xFFFFFFFF)),
        (aiff(32008, frames=0xFFFFFFFF), "s16be"),
        (aiff(0, kind=b"AIFC", coding=b"sowt"), "s16le"),
        *((au(length), "s16be") for length in (0, 0xFFFFFFFF)),
    ],
)
def test_other_files_of_samples_without_a_length_are_read_as_samples(content, form):
    (source,) = find_layout(content, len(content)).sources
    assert (source.seconds, source.samples) == (1.0, Samples(form, 16000, 1))
    assert content[source.start :] == SPEECH


@pytest.mark.parametrize("content", [w64(32024), aiff(32008), aiff(32008, frames=0), au(32000), caf(32004), caf(-1)])
def test_other_files_of_samples_are_left_to_ffmpeg_where_it_can_read_them(content):
    layout = find_layout(content, len(content))
    assert (layout.sources, layout.missing_bytes) == (WHOLE_FILE, 0)


@pytest.mark.parametrize("content", [w64(64024), aiff(64008), au(64000), caf(64004)])
def test_other_files_of_samples_that_were_cut_off_are_recognized(content):
    layout = find_layout(content, len(content))
    assert layout.sources == WHOLE_FILE
    assert layout.missing_seconds(1.0) == pytest.approx(1.0)
