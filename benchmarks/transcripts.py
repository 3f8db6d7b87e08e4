"""
Benchmark of transcripts: the times of their first and last words, and the words themselves.

Sentences of known sound are put at known times between pauses of 1 to 60 s, over silence, noise and music, coded as MP3
as a recording is, and transcribed::

    python benchmarks/transcripts.py [--model base] [--recordings FOLDER] [--json FILE]

*onset*: when the first word of a sentence starts, against the time when its sound rises; *end*: the same for its last
word. The sentences are those of the tests' clips, which have no noise: their sound tells the true times. *wrong words*:
of the clips as they are, and of the recordings in *FOLDER*, which has their texts in ``texts.json``: ``{file: text}``.
"""

import json
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
from measures import Measure, arguments_of, conclude
from numpy.typing import NDArray
from whisper_normalizer.english import EnglishTextNormalizer

from tasks.batches import TranscriptionOptions
from tasks.devices import Device
from tasks.media.ffmpeg import ffmpeg_program
from tasks.settings import Settings
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.sound import SAMPLE_RATE, Sound, decode
from tasks.transcription.transcribe import transcribe
from tasks.transcription.transcript import Transcript

CLIPS = Path(__file__).parents[1] / "tests" / "speech"
PAUSES_SECONDS = (1, 1.5, 2, 3, 5, 10, 60)
SENTENCE_PAUSE_SECONDS = 0.3
FRAME_SAMPLES = SAMPLE_RATE // 200
AUDIBLE_DECIBELS = 40.0
"""A sentence begins and ends where its sound is this far below its loudest 5 ms."""

Signal = NDArray[np.float64]
Bed = Callable[[int], Signal]
"""The background noise of a recording, by the number of its samples."""
Transcriber = Callable[[Path], Transcript]


@dataclass(frozen=True, slots=True)
class Sentence:
    """The sound of a sentence, from its first sample to its last."""

    sound: Sound

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.sound) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Errors:
    """Differences to the true times in seconds: positive is late. *lost* sentences have no word."""

    onsets: tuple[float, ...]
    ends: tuple[float, ...]
    lost: int

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(self.onsets + other.onsets, self.ends + other.ends, self.lost + other.lost)


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


def errors_of(transcript: Transcript, sentences: Sequence[Sentence], starts: Sequence[float]) -> Errors:
    """Return how far the edges of each sentence are from those of its words."""
    onsets, ends, lost = [], [], 0
    for sentence, start in zip(sentences, starts, strict=True):
        end = start + sentence.seconds
        words = [word for word in transcript.words if start - 0.5 < (word.start + word.end) / 2 < end + 0.5]
        if words:
            onsets.append(words[0].start - start)
            ends.append(words[-1].end - end)
        else:
            lost += 1
    return Errors(tuple(onsets), tuple(ends), lost)


def percentile(values: Iterable[float], percent: float) -> float:
    """Return a percentile of the sizes of *values*."""
    return float(np.percentile(np.abs(list(values)), percent))


def report(label: str, errors: Errors) -> None:
    """Print a line of the table."""
    figures = (
        f"{percentile(edges, 50):9.3f} {percentile(edges, 95):7.3f} {statistics.median(edges):+8.3f}"
        for edges in (errors.onsets, errors.ends)
    )
    print(f"{label:22}{'  '.join(figures)} {errors.lost:6d}", flush=True)


def word_error_rate(texts: Sequence[tuple[str, str]]) -> float:
    """Return the share of wrong words in pairs of the true text and ours, case and punctuation aside."""
    plain = EnglishTextNormalizer()
    return float(jiwer.wer([plain(true) for true, _ in texts], [plain(ours) for _, ours in texts]))


def texts_of(folder: Path) -> dict[str, str]:
    """Return the texts of the recordings in *folder* by their names."""
    texts: dict[str, str] = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
    return texts


def measure_times(transcribed: Transcriber, sentences: Sequence[Sentence]) -> Errors:
    """Transcribe the sentences over each bed and print the errors; return all of them."""
    print(f"{'':22}{'onset: median, 95 %, bias':>26}  {'end: median, 95 %, bias':>26}   lost")
    everything = Errors((), (), 0)
    for name, bed in BEDS.items():
        sound, starts = placed(sentences, bed)
        with tempfile.TemporaryDirectory() as folder:
            errors = errors_of(transcribed(as_recording(sound, Path(folder))), sentences, starts)
        report(name, errors)
        everything += errors
    report("all", everything)
    return everything


def main() -> None:
    """Transcribe the sentences and the recordings; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--model", default="base")
    parser.add_argument("--recordings", type=Path, metavar="FOLDER", help="further recordings, with a texts.json")
    parser.add_argument("--sentences", type=int, default=24, help="at most so many over each bed")
    chosen = parser.parse_args()
    device = Device(name="cpu:0", kind="cpu", cpu_threads=1, compute_type="int8", batch_size=4)
    model = PlacedModel(device, chosen.model, Settings().models_folder)

    def transcribed(file: Path) -> Transcript:
        options = TranscriptionOptions(language="en")
        return transcribe(model, file, options, name=file.name, on_progress=lambda _: None, cancelled=lambda: False)

    began = time.process_time()
    clips = (decode(CLIPS / name, name=name, cancelled=lambda: False) for name in texts_of(CLIPS))
    sentences = [sentence for clip in clips for sentence in sentences_of(clip)][: chosen.sentences]
    errors = measure_times(transcribed, sentences)
    folders = [folder for folder in (CLIPS, chosen.recordings) if folder]
    texts = [(text, folder / name) for folder in folders for name, text in texts_of(folder).items()]
    wrong = word_error_rate([(text, transcribed(file).text) for text, file in texts])
    print(f"\n{len(texts)} recordings as they are; {time.process_time() - began:.0f} s of CPU time")
    conclude(
        {
            "onset of a sentence, median error, s": Measure(percentile(errors.onsets, 50), 0.03),
            "onset of a sentence, 95 % within, s": Measure(percentile(errors.onsets, 95), 0.12),
            "end of a sentence, median error, s": Measure(percentile(errors.ends, 50), 0.08),
            "sentences lost": Measure(errors.lost, 0),
            "wrong words, share": Measure(wrong, 0.05),
        },
        chosen.json,
    )


if __name__ == "__main__":
    main()
