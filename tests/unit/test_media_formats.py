"""Media files are told by their endings, and where these tell nothing by their first bytes."""

import pytest

from tasks.media.formats import begins_like_media, is_media


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
