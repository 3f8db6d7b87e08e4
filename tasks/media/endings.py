"""
Files that break off: whether a file of a kind that states no length ends in the middle of something.

Ogg, MPEG transport streams, raw AAC and AMR, and Matroska that is written as it is recorded count nothing, so that it
cannot be known how much is missing. Only what proves it is said: a page, packet or frame of which a part is there, or
an Ogg without the mark at its end. Whatever else follows the sound, tags or junk, proves nothing.

Sources: RFC 3533 (Ogg), ISO/IEC 13818-1 (transport streams), 13818-7 (ADTS), RFC 4867 (AMR), RFC 9559 (Matroska).
"""

from itertools import count

from tasks.media.announced import vint
from tasks.media.mpeg_frames import FRAMES_TO_BELIEVE, parse_frame, tag_bytes
from tasks.media.samples import Sliceable

CUT_OFF = "The file breaks off: its end is missing, and how much that is cannot be known."

_LONGEST_PAGE = 27 + 255 + 255 * 255
_LAST_PAGE = 4
_AMR_SIZES = (
    (b"#!AMR\n", dict(enumerate((13, 14, 16, 18, 20, 21, 27, 32, 6))) | {15: 1}),
    (b"#!AMR-WB\n", dict(enumerate((18, 24, 33, 37, 41, 47, 51, 59, 61, 6))) | {14: 1, 15: 1}),
)
"""Beginning of an AMR file, and the bytes of a frame of each type."""

_SEGMENT, _CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_PARTS = frozenset(
    map(
        bytes.fromhex,
        (
            *("114d9b74", "1549a966", "1654ae6b", "1c53bb6b", "1941a469", "1043a770", "1254c367", "ec", "bf"),
            *("e7", "5854", "a7", "ab", "a3", "a0", "af"),
        ),
    )
)
"""Elements of a segment, and of a cluster."""


def breaks_off(content: Sliceable, size: int) -> bool:
    """Return whether the file *content* of *size* bytes certainly breaks off before its end."""
    head = content[:388]
    if head[:4] == b"OggS":
        return _ogg(content, size)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return _matroska(content, size)
    if head[0:1] == head[188:189] == head[376:377] == b"G":
        return _transport_stream(content, size, 188, 0)
    if head[4:5] == head[196:197] == b"G":
        return _transport_stream(content, size, 192, 4)
    for beginning, sizes in _AMR_SIZES:
        if head.startswith(beginning):
            return _amr(content, size, len(beginning), sizes)
    return _adts(content, size)


def _ogg(content: Sliceable, size: int) -> bool:
    """Find the last page that another one or the end of the file follows."""
    position = max(0, size - 3 * _LONGEST_PAGE)
    while (position := content.find(b"OggS", position)) >= 0:
        end, is_last = _ogg_page(content, position, size)
        while 0 < end < size and content[end : end + 4] == b"OggS":
            end, is_last = _ogg_page(content, end, size)
        if end == size:
            return not is_last
        if end > size:
            return True
        if 0 < size - end < len(b"OggS") and b"OggS".startswith(content[end:size]):
            return True
        position += 1
    return False


def _ogg_page(content: Sliceable, position: int, size: int) -> tuple[int, bool]:
    """Return where the page ends, behind the file if it breaks off, and whether it is the last of its stream."""
    head = content[position : position + 27]
    if len(head) < 27:
        return size + 1, False
    if head[4]:  # no page: there is only one version
        return 0, False
    lengths = content[position + 27 : position + 27 + head[26]]
    if len(lengths) < head[26]:
        return size + 1, False
    return position + 27 + head[26] + sum(lengths), bool(head[5] & _LAST_PAGE)


def _transport_stream(content: Sliceable, size: int, packet: int, sync: int) -> bool:
    rest = size % packet
    last = size - rest
    aligned = all(content[last - n * packet + sync : last - n * packet + sync + 1] == b"G" for n in range(1, 4))
    return aligned and rest > sync and content[last + sync : last + sync + 1] == b"G"


def _amr(content: Sliceable, size: int, position: int, sizes: dict[int, int]) -> bool:
    while position < size:
        head = content[position : position + 1][0]
        if head & 0x83 or head >> 3 not in sizes:
            return False
        position += sizes[head >> 3]
    return position > size


def _adts(content: Sliceable, size: int) -> bool:
    position, first = tag_bytes(content, 0), b""
    for frames in count():
        head = content[position : position + 7]
        first = first or head
        is_adts = head[:2] == first[:2] and len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0
        if not is_adts:
            return False
        if len(head) < 7:
            return frames >= FRAMES_TO_BELIEVE
        frame = parse_frame(head)
        if frame is None or head[2:3] != first[2:3]:
            return False
        position += frame.size
        if position >= size:
            return position > size and frames >= FRAMES_TO_BELIEVE
    return False


def _matroska(content: Sliceable, size: int) -> bool:
    """Look at a file whose segment is of unknown length; one of a known length is `tasks.media.announced`'s."""
    header, start = vint(content, 4)
    if header is None or content[start + header : start + header + 4] != _SEGMENT:
        return False
    length, position = vint(content, start + header + 4)
    return length is None and _elements_break_off(content, size, position)


def _elements_break_off(content: Sliceable, size: int, position: int) -> bool:
    while position < size:
        name = _element_name(content, position)
        if name not in _PARTS and name != _CLUSTER:
            return False
        if position + len(name) >= size:
            return True
        length, start = vint(content, position + len(name))
        if length is None and name != _CLUSTER:
            return start > size
        position = start + (length or 0)
    return position > size


def _element_name(content: Sliceable, position: int) -> bytes:
    first = content[position : position + 1][0]
    return bytes(content[position : position + 9 - first.bit_length()]) if first else b""
