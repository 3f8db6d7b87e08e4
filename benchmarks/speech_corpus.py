"""Recordings with known words at known times, made of the clips of the tests."""

import json
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.media.ffmpeg import ffmpeg_program
from tasks.transcription.sound import SAMPLE_RATE, Sound, decode

CLIPS = Path(__file__).parents[1] / "tests" / "speech"
PAUSES_SECONDS = (1, 1.5, 2, 3, 5, 10, 60)
SENTENCE_PAUSE_SECONDS = 0.3
REPEATS = 12
REPEAT_PAUSE_TENTHS = 4
FRAME_SAMPLES = SAMPLE_RATE // 200
AUDIBLE_DECIBELS = 40.0
"""A sentence begins and ends where its sound is this far below its loudest 5 ms."""

Signal = NDArray[np.float64]
Bed = Callable[[int], Signal]
"""The background noise of a recording, by the number of its samples."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """The sound of a sentence, from its first sample to its last."""

    sound: Sound

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.sound) / SAMPLE_RATE


def sentences_of(sound: Sound) -> Iterator[Sentence]:
    """Yield the sentences of a clean recording, from which the noise is nothing: cut at its pauses."""
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].astype(np.float64).reshape(-1, FRAME_SAMPLES)
    power = np.square(frames).mean(axis=1)
    audible = np.flatnonzero(power > power.max() * 10 ** (-AUDIBLE_DECIBELS / 10))
    pause = SENTENCE_PAUSE_SECONDS * SAMPLE_RATE / FRAME_SAMPLES
    for part in np.split(audible, np.flatnonzero(np.diff(audible) > pause) + 1):
        if len(part) > pause:
            yield Sentence(sound[part[0] * FRAME_SAMPLES : (part[-1] + 1) * FRAME_SAMPLES])


def placed(sentences: Sequence[Sentence], bed: Bed) -> tuple[Sound, list[float]]:
    """Return the sentences between pauses over a bed, and when each of them starts, in seconds."""
    order = random.Random(len(sentences))  # noqa: S311 - the same every time
    parts: list[Signal] = []
    starts, clock = [], 0
    for sentence in sentences:
        pause = round((order.choice(PAUSES_SECONDS) + order.random()) * SAMPLE_RATE)
        parts += [np.zeros(pause), sentence.sound.astype(np.float64)]
        starts.append((clock + pause) / SAMPLE_RATE)
        clock += pause + len(sentence.sound)
    signal = np.concatenate([*parts, np.zeros(SAMPLE_RATE)])
    return np.clip(np.round(signal + bed(len(signal))), -32768, 32767).astype(np.int16), starts


def at(decibels: float, signal: Signal) -> Signal:
    """Return *signal* so loud, where 0 dB is a square wave as loud as can be."""
    return signal / np.sqrt(np.square(signal).mean()) * 32768 * 10 ** (decibels / 20)


def noise(samples: int, *, pink: bool) -> Signal:
    """Return white or pink noise."""
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=samples))
    if pink:
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    return np.fft.irfft(spectrum, samples)


def music(samples: int) -> Signal:
    """Return plucked chords, two a second, with overtones."""
    random_pitch = np.random.default_rng(2)
    signal = np.zeros(samples + 4 * SAMPLE_RATE)
    time_axis = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    for start in range(0, samples, SAMPLE_RATE // 2):
        for pitch in 110 * 2 ** (random_pitch.choice([0, 3, 5, 7, 10, 12, 15, 19], size=3) / 12):
            for overtone in range(1, 8):
                tone = np.sin(2 * np.pi * pitch * overtone * time_axis) * np.exp(-2 * overtone**0.5 * time_axis)
                signal[start : start + len(tone)] += tone / overtone
    return signal[:samples]


BEDS: Mapping[str, Bed] = {
    "silence": np.zeros,
    "pink noise, -50 dB": lambda samples: at(-50, noise(samples, pink=True)),
    "white noise, -40 dB": lambda samples: at(-40, noise(samples, pink=False)),
    "music, -38 dB": lambda samples: at(-38, music(samples)),
}


def as_recording(sound: Sound, folder: Path) -> Path:
    """Return *sound* as a file that is coded like every recording."""
    file = folder / "recording.mp3"
    read = ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "-"]
    write = ["-c:a", "libmp3lame", "-q:a", "2", str(file)]
    subprocess.run([ffmpeg_program(), "-v", "error", "-y", *read, *write], input=sound.tobytes(), check=True)
    return file


def texts_of(folder: Path) -> dict[str, tuple[str, str]]:
    """Return the text of each recording in *folder* and its language, by its name: as ``texts.json`` tells them."""
    told = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    return {name: (one, "en") if isinstance(one, str) else (one["text"], one["language"]) for name, one in told.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """
    A recording to be recognised. *spoken* are its sentences (start, end), if they are known; *text* is what is said.

    *language* is empty where it is to be found out. Only words are judged of a case without *spoken*.
    """

    kind: str
    name: str
    sound: Sound
    text: str = ""
    language: str = "en"
    spoken: tuple[tuple[float, float], ...] | None = None


def clip_cases(folder: Path) -> Iterator[Case]:
    """Yield the recordings of a folder as they are."""
    for name, (text, language) in texts_of(folder).items():
        sound = decode(folder / name, name=name, cancelled=lambda: False)
        yield Case("as they are", name, sound, text, language)


def placed_cases(sentences: Sequence[Sentence]) -> Iterator[Case]:
    """Yield the sentences between pauses, over each bed."""
    for name, bed in BEDS.items():
        sound, starts = placed(sentences, bed)
        spoken = tuple((start, start + one.seconds) for start, one in zip(starts, sentences, strict=True))
        yield Case("pauses", name, sound, spoken=spoken)


def repeated_cases(clips: Sequence[Case]) -> Iterator[Case]:
    """Yield the shortest clips, each said many times."""
    for clip in sorted(clips, key=lambda one: len(one.sound))[:2]:
        once = np.concatenate([clip.sound, np.zeros(REPEAT_PAUSE_TENTHS * SAMPLE_RATE // 10, np.int16)])
        said = " ".join([clip.text] * REPEATS)
        yield Case("repeats", clip.name, np.tile(once, REPEATS), said, clip.language)


def quiet_cases(clips: Sequence[Case]) -> Iterator[Case]:
    """Yield the clips at a hundredth of their level."""
    for clip in clips:
        yield replace(clip, kind="quiet", sound=np.round(clip.sound / 100).astype(np.int16))


def mixed_cases(clips: Sequence[Case]) -> Iterator[Case]:
    """Yield recordings in which two languages follow each other."""
    first_of = {clip.language: clip for clip in reversed(clips)}
    pause = np.zeros(SAMPLE_RATE, np.int16)
    for one, other in pairwise(first_of.values()):
        sound = np.concatenate([one.sound, pause, other.sound])
        name = f"{one.language}, then {other.language}"
        yield Case("mixed languages", name, sound, f"{one.text} {other.text}", language="")


def speechless_cases(clips: Sequence[Case]) -> Iterator[Case]:
    """Yield a minute each of sounds in which nothing is said."""
    samples = 60 * SAMPLE_RATE
    babble = sum(np.resize(clip.sound[::-1].astype(np.float64), samples) for clip in clips)
    hum = np.sin(2 * np.pi * 50 * np.arange(samples) / SAMPLE_RATE)
    sounds = {
        "silence": np.zeros(samples),
        "white noise": at(-30, noise(samples, pink=False)),
        "pink noise": at(-30, noise(samples, pink=True)),
        "music": at(-20, music(samples)),
        "mains hum": at(-25, hum),
        "babble of reversed voices": at(-25, babble),
    }
    for name, signal in sounds.items():
        yield Case("no speech", name, np.round(signal).astype(np.int16), spoken=())
