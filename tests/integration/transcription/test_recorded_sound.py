"""The sound of a recording, decoded where it is asked for, is that of the recording decoded in one go."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import MediaRejected
from tasks.transcription import recorded_sound
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.recorded_sound import RecordedSound, open_sound
from tasks.transcription.sound import SAMPLE_RATE, decode

FFMPEG = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
SECONDS = 40


def no():
    return False


@pytest.fixture(scope="session")
def as_mp3():
    """Make an MP3 of a file, as the conversion does."""

    def make(source, target):
        encoding = ["-ac", "1", "-ar", "16000", "-c:a", "libmp3lame", "-q:a", "2", "-map_metadata", "-1"]
        command = [FFMPEG, "-nostdin", "-loglevel", "error", "-y", "-i", source, *encoding, "-fflags", "+bitexact"]
        subprocess.run([*command, target], check=True)
        return target

    return make


@pytest.fixture(scope="session")
def recording(as_mp3, write_wav, tmp_path_factory):
    """A recording of silence, noise and tones by turns: the smallest frames and the largest, which borrow bits."""
    rng = np.random.default_rng(7)
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    kinds = [
        np.zeros(SAMPLE_RATE),
        rng.uniform(-0.9, 0.9, SAMPLE_RATE),
        0.7 * np.sin(2 * np.pi * 440 * time),
        0.001 * rng.standard_normal(SAMPLE_RATE),
    ]
    folder = tmp_path_factory.mktemp("recorded")
    write_wav(folder / "sound.wav", np.concatenate([kinds[rng.integers(4)] for _ in range(SECONDS)]))
    return as_mp3(folder / "sound.wav", folder / "recording.mp3")


@pytest.fixture(scope="session")
def whole(recording):
    return decode(recording, name="", cancelled=no)


@pytest.fixture
def opened(monkeypatch, recording):
    """The recording in blocks of less than a second, so that there are many seams."""
    monkeypatch.setattr(recorded_sound, "BLOCK_FRAMES", 20)
    return RecordedSound(recording, name="talk.mp3", cancelled=no)


def test_all_of_it_is_as_if_it_were_decoded_in_one_go(opened, whole):
    assert len(opened) == len(whole) == SECONDS * SAMPLE_RATE
    assert np.array_equal(opened[:], whole)


@given(st.lists(st.integers(-5, SECONDS * SAMPLE_RATE + 5), min_size=2, max_size=2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_stretch_of_it_is_that_of_the_whole(opened, whole, ends):
    start, stop = ends

    assert np.array_equal(opened[start:stop], whole[start:stop])


def test_several_threads_may_read_it(opened, whole):
    stretches = [slice(start, start + 3 * SAMPLE_RATE) for start in range(0, len(whole), 2 * SAMPLE_RATE)] * 4

    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(opened.__getitem__, stretches))

    assert all(np.array_equal(one, whole[stretch]) for one, stretch in zip(read, stretches, strict=True))


def test_a_block_that_is_not_asked_for_is_not_decoded(monkeypatch, opened):
    decoded = []
    read = RecordedSound._decoded
    monkeypatch.setattr(RecordedSound, "_decoded", lambda self, number: decoded.append(number) or read(self, number))

    assert len(opened[20 * SAMPLE_RATE : 21 * SAMPLE_RATE]) == SAMPLE_RATE

    assert len(decoded) <= 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-100],
        lambda content: content[:20_000] + content[20_100:],
        lambda content: content + b"anything else",
    ],
    ids=["cut off", "with a hole", "with more at its end"],
)
def test_what_is_not_as_the_conversion_writes_it_is_decoded_at_once(recording, tmp_path, damage):
    damaged = tmp_path / "damaged.mp3"
    damaged.write_bytes(damage(recording.read_bytes()))

    sound = open_sound(damaged, name="talk.mp3", cancelled=no)

    assert isinstance(sound, np.ndarray)
    assert np.array_equal(sound, decode(damaged, name="talk.mp3", cancelled=no))


def test_a_tag_at_the_end_is_no_sound(recording, whole, tmp_path):
    tagged = tmp_path / "tagged.mp3"
    tagged.write_bytes(recording.read_bytes() + b"TAG" + bytes(125))

    assert np.array_equal(RecordedSound(tagged, name="talk.mp3", cancelled=no)[:], whole)


@pytest.mark.parametrize("content", [b"", b"no sound at all"])
def test_a_file_without_sound_is_refused_by_its_name(tmp_path, content):
    file = tmp_path / "recording.mp3"
    file.write_bytes(content)

    with pytest.raises(MediaRejected, match=r"recording of talk\.mp3 cannot be read"):
        open_sound(file, name="talk.mp3", cancelled=no)


def test_a_cancel_ends_the_search_for_its_frames(monkeypatch, recording):
    monkeypatch.setattr("tasks.transcription.mp3_frames._FRAMES_BETWEEN_CANCEL_CHECKS", 100)

    with pytest.raises(TranscriptionCancelled):
        RecordedSound(recording, name="talk.mp3", cancelled=lambda: True)
