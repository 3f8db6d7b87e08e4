"""Files of samples written byte by byte: WAV, Wave64, AIFF and AU, whose headers say what a test wants."""

import struct

MONO = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
FORMAT = (b"fmt ", 16, MONO)
SPEECH = bytes(range(128, 256)) * 250  # a second that is no text


def wav(*chunks: tuple[bytes, int, bytes], kind: bytes = b"RIFF") -> bytes:
    """A WAV file of these chunks, each with its name, the size that it states, and its content."""
    return kind + struct.pack("<I", 0) + b"WAVE" + b"".join(n + struct.pack("<I", size) + c for n, size, c in chunks)


def speech(stated: int = 32000) -> tuple[bytes, int, bytes]:
    """A second of sound as the chunk of a WAV file that states so many bytes."""
    return (b"data", stated, SPEECH)


PLAIN = wav(FORMAT, speech())


def w64(length: int) -> bytes:
    """A second of sound as Wave64."""
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    head = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000") + bytes(8) + b"wave" + tail
    chunk = b"fmt " + tail + struct.pack("<Q", 40) + MONO
    return head + chunk + b"data" + tail + struct.pack("<Q", length) + SPEECH


def aiff(length: int, frames: int = 16000, kind: bytes = b"AIFF", coding: bytes = b"") -> bytes:
    """A second of sound as AIFF, or as AIFF-C in a *coding*."""
    rate = struct.pack(">HQ", 16383 + 13, int(16000 / 2**13 * 2**63))
    common = struct.pack(">HIH", 1, frames, 16) + rate + coding
    sound = b"SSND" + struct.pack(">III", length, 0, 0) + SPEECH
    return b"FORM" + bytes(4) + kind + b"COMM" + struct.pack(">I", len(common)) + common + sound


def au(length: int) -> bytes:
    """A second of sound as AU."""
    return b".snd" + struct.pack(">5I", 24, length, 3, 16000, 1) + SPEECH
