"""
Benchmark of telling speakers apart: who spoke when in dialogues that are put together of recordings of single voices.

Each voice's recordings are cut at their pauses, and the pieces of one to five voices put one after the other in random
turns, with pauses of up to 0.7 s, coded as MP3 like every recording; and those of up to three once more as a telephone
passes them on (300 to 3,400 Hz, 8 kHz, mu-law)::

    python benchmarks/speakers.py [--voices FOLDER] [--part second] [--recordings FOLDER] [--json FILE]

*FOLDER* of voices has files named after their speaker, ``1688-142285-0000.flac``; without one, the voices are those of
the tests' clips at several pitches. *part* takes half of the speakers: thresholds were chosen on the first half.
*FOLDER* of recordings has dialogues as they are, each with its turns beside it in an ``.rttm``.

*DER*: the diarization error rate; *confusion*: the part of it that is given to the wrong speaker; *count*: recordings
in which as many speakers are found as there are.
"""

import random
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from diarization_error import FRAMES_PER_SECOND, PAUSE_SECONDS, Score, score
from measures import Measure, arguments_of, conclude
from numpy.typing import NDArray

from tasks.media.ffmpeg import ffmpeg_program
from tasks.options import SpeakerChoice
from tasks.settings import Settings
from tasks.transcription.sound import SAMPLE_RATE, Sound, decode
from tasks.transcription.speakers import Turn, find_turns
from tasks.transcription.vad import find_speech

CLIPS = Path(__file__).parents[1] / "tests" / "speech"
PITCHES = (1.0, 0.7, 0.84, 1.2, 1.45)
DIALOGUE_SECONDS = 75.0
AUDIBLE_DECIBELS = 35.0
TELEPHONE_FILTER = "highpass=f=300,lowpass=f=3400"
MOST_ON_A_TELEPHONE = 3

Voices = Mapping[str, Sequence[Sound]]


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A recording and its true turns."""

    file: Path
    turns: tuple[Turn, ...]

    @property
    def speakers(self) -> int:
        """Number of those who speak."""
        return len({turn.speaker for turn in self.turns})


@dataclass(frozen=True, slots=True)
class Result:
    """The result for a set of dialogues."""

    score: Score
    counts_right: float
    real_time: float


def heard(file: Path) -> Sound:
    """Return the sound of a file."""
    return decode(file, name=file.name, cancelled=lambda: False)


def at_pitch(sound: Sound, pitch: float) -> Sound:
    """Return *sound* played faster or slower."""
    places = np.arange(0, len(sound) - 1, pitch)
    return np.asarray(np.interp(places, np.arange(len(sound)), sound), dtype=np.int16)


def own_voices() -> Voices:
    """Return the voice of the tests' clips at several pitches, which is as many voices."""
    clips = [heard(file) for file in sorted(CLIPS.iterdir()) if file.suffix in (".mp3", ".opus")]
    return {f"{pitch}": [piece for clip in clips for piece in pieces_of(at_pitch(clip, pitch))] for pitch in PITCHES}


def voices_in(folder: Path, part: str) -> Voices:
    """Return the voices of the files in a folder: all of them, or half of the speakers."""
    files: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        files.setdefault(file.name.split("-")[0], []).append(file)
    names = sorted(files)
    chosen = {"all": names, "first": names[: len(names) // 2], "second": names[len(names) // 2 :]}[part]
    voices = {name: [piece for file in files[name] for piece in pieces_of(heard(file))] for name in chosen}
    return {name: pieces for name, pieces in voices.items() if len(pieces) > 1}


def pieces_of(sound: Sound) -> Iterator[Sound]:
    """Yield the parts of a clean recording between its pauses, from a second on."""
    for start, end in audible(sound, 0.25):
        if end - start > SAMPLE_RATE:
            yield sound[start:end]


def audible(sound: Sound, pause_seconds: float) -> Iterator[tuple[int, int]]:
    """Yield start and end of what is heard between pauses, in samples."""
    step = SAMPLE_RATE // FRAMES_PER_SECOND
    frames = sound[: len(sound) // step * step].astype(np.float64).reshape(-1, step)
    power = np.square(frames).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-AUDIBLE_DECIBELS / 10))
    for part in np.split(loud, np.flatnonzero(np.diff(loud) > pause_seconds * FRAMES_PER_SECOND) + 1):
        if len(part):
            yield int(part[0]) * step, int(part[-1] + 1) * step


def spoken_in_turns(voices: Voices, order: random.Random) -> tuple[Sound, tuple[Turn, ...]]:
    """Return the pieces of *voices* in random turns, each as loud as the others within 3 dB."""
    left = {name: order.sample(pieces, len(pieces)) for name, pieces in voices.items()}
    louder = {name: 10 ** (order.uniform(-3, 3) / 20) for name in voices}
    parts: list[NDArray[np.float64]] = []
    turns: list[Turn] = []
    clock, last = 0, ""
    while clock < DIALOGUE_SECONDS * SAMPLE_RATE and any(left.values()):
        name = order.choice([one for one in left if left[one] and one != last] or [one for one in left if left[one]])
        piece = left[name].pop().astype(np.float64)
        piece *= 2500 * louder[name] / np.sqrt(np.square(piece).mean())
        pause = round(order.uniform(0, 0.7) * SAMPLE_RATE)
        parts += [np.zeros(pause), piece]
        begin = (clock + pause) / SAMPLE_RATE
        turns += [
            Turn(begin + start / SAMPLE_RATE, begin + end / SAMPLE_RATE, list(voices).index(name))
            for start, end in audible(piece.astype(np.int16), PAUSE_SECONDS)
        ]
        clock, last = clock + pause + len(piece), name
    return np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16), tuple(turns)


def dialogues(voices: Voices, count: int, folder: Path, *, telephone: bool = False) -> Iterator[Dialogue]:
    """Write so many dialogues of one to five voices, the same every time."""
    order = random.Random(count)  # noqa: S311 - see above
    for number in range(count):
        chosen = order.sample(sorted(voices), min(number % 5 + 1, len(voices)))
        sound, turns = spoken_in_turns({name: voices[name] for name in chosen}, order)
        if not telephone or len(chosen) <= MOST_ON_A_TELEPHONE:
            file = folder / f"{number}{'-telephone' * telephone}.mp3"
            write(sound, file, telephone=telephone)
            yield Dialogue(file, turns)


def write(sound: Sound, file: Path, *, telephone: bool) -> None:
    """Write *sound* as a recording, *telephone* or not."""
    form = ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1"]
    content = sound.tobytes()
    if telephone:
        line = ["-f", "mulaw", "-ar", "8000", "-ac", "1"]
        content = _converted([*form, "-i", "-", "-af", TELEPHONE_FILTER, *line, "-"], content)
        form = line
    _converted([*form, "-i", "-", "-ar", str(SAMPLE_RATE), "-c:a", "libmp3lame", "-q:a", "2", str(file)], content)


def _converted(arguments: Sequence[str], content: bytes) -> bytes:
    command = [ffmpeg_program(), "-v", "error", "-y", *arguments]
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def recordings_in(folder: Path) -> Iterator[Dialogue]:
    """Yield the recordings of a folder that have an ``.rttm`` beside them."""
    for reference in sorted(folder.glob("*.rttm")):
        lines = [line.split() for line in reference.read_text(encoding="utf-8").splitlines()]
        names = sorted({fields[7] for fields in lines})
        turns = [
            Turn(float(fields[3]), float(fields[3]) + float(fields[4]), names.index(fields[7])) for fields in lines
        ]
        file = next(one for one in folder.glob(f"{reference.stem}.*") if one.suffix != ".rttm")
        yield Dialogue(file, tuple(turns))


def measure(label: str, these: Iterable[Dialogue], models: Path, *, given: bool = False) -> Result:
    """Look for the speakers of all dialogues, print a line of the table, and return what it says."""
    total, right, count, spent, seconds = Score(), 0, 0, 0.0, 0.0
    for dialogue in these:
        speech = find_speech(heard(dialogue.file), cancelled=lambda: False)
        choice: SpeakerChoice = dialogue.speakers if given else "auto"
        began = time.process_time()
        found = find_turns(speech, choice, models, cancelled=lambda: False)
        spent, seconds = spent + time.process_time() - began, seconds + speech.audio_seconds
        total += score(found, dialogue.turns)
        right, count = right + (len({turn.speaker for turn in found}) == dialogue.speakers), count + 1
    result = Result(total, right / max(count, 1), spent / max(seconds, 1e-9))
    confusion = 100 * total.confused / max(total.spoken, 1)
    print(
        f"{label:34}{100 * total.error:7.1f}{confusion:11.1f}{right:9d}/{count:<3d}{result.real_time:8.3f}", flush=True
    )
    return result


def main() -> None:
    """Measure dialogues as they are and by telephone; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--voices", type=Path, metavar="FOLDER", help="recordings of single voices")
    parser.add_argument("--part", choices=("all", "first", "second"), default="all", help="of their speakers")
    parser.add_argument("--recordings", type=Path, metavar="FOLDER", help="dialogues as they are, with .rttm files")
    parser.add_argument("--dialogues", type=int, default=20)
    chosen = parser.parse_args()
    models = Settings().models_folder
    voices = voices_in(chosen.voices, chosen.part) if chosen.voices else own_voices()
    print(f"{'':34}{'DER %':>7}{'confusion %':>13}{'count':>9}{'CPU x':>10}")
    with tempfile.TemporaryDirectory() as name:
        plain = list(dialogues(voices, chosen.dialogues, Path(name)))
        called = list(dialogues(voices, chosen.dialogues, Path(name), telephone=True))
        found = measure("dialogues", plain, models)
        measure("dialogues, count given", plain, models, given=True)
        by_telephone = measure("telephone", called, models)
        measure("telephone, count given", called, models, given=True)
    if chosen.recordings:
        measure("recordings", recordings_in(chosen.recordings), models)
        measure("recordings, count given", recordings_in(chosen.recordings), models, given=True)
    conclude(
        {
            "DER of dialogues": Measure(found.score.error, 0.05),
            "count right": Measure(found.counts_right, 0.9, at_least=True),
            "DER by telephone": Measure(by_telephone.score.error, 0.15),
            "CPU time, x real time": Measure(found.real_time, 0.03),
        },
        chosen.json,
    )


if __name__ == "__main__":
    main()
