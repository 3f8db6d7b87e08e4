"""
Benchmark of transcripts: ours beside those of other programs that run the same model on the same machine.

The recordings are the clips of the tests as they are; their sentences at known times between pauses of 1 to 60 s, over
silence, noise and music; a sentence that is said twelve times; the clips at a hundredth of their level; two languages
in one recording; and a minute each of sounds in which nothing is said. All are coded as MP3, as a recording is::

    python benchmarks/transcripts.py [--model base] [--recordings FOLDER] [--only-ours] [--json FILE]

Further recordings come from *FOLDER*, with their texts in ``texts.json``: ``{file: text}``, or ``{file: {"text": text,
"language": code}}``. Beside faster-whisper's sequential and batched pipelines, whisper-ctranslate2 and stable-ts are
measured where they are installed.

*wrong*: share of words (of characters where words are not apart), with its interval in which 95 % of samples of these
recordings lie. *lost*: seconds of sentences of which neither a word is written nor a gap is told. *invented*: words in
a sound, or in a pause, where nothing is said. *repeats*: share of the repeated words that are written. *onset*: when
the first word of a sentence starts, against the time when its sound rises; *end*: the same for its last word: median
and 95 % of the errors in seconds. *CPU*: seconds of the whole; *second tries*: the share of them for what is heard
again.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jiwer
import numpy as np
from measures import Measure, arguments_of, conclude
from recognisers import OURS, ObservedBackend, Recognised, Recogniser, Word, cpu_seconds, recognisers
from speech_corpus import (
    CLIPS,
    Case,
    as_recording,
    clip_cases,
    mixed_cases,
    placed_cases,
    quiet_cases,
    repeated_cases,
    sentences_of,
    speechless_cases,
)
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from tasks.settings import Settings

WITHOUT_SPACES = frozenset({"zh", "ja", "th", "yue", "my", "lo", "km"})
SLACK_SECONDS = 0.5
SAMPLES = 2000
JUDGED_BY_WORDS = ("as they are", "quiet", "mixed languages")


@dataclass(slots=True)
class Tally:
    """The findings about a recogniser, over all cases."""

    wrong: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Errors and length of the true text of each recording, by the kind of case."""
    said: list[tuple[int, int]] = field(default_factory=list)
    onsets: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    lost_seconds: float = 0.0
    invented: int = 0
    cpu_seconds: float = 0.0
    second_tries_seconds: float = 0.0

    @property
    def second_tries_share(self) -> float:
        """Share of the CPU time that hearing again took."""
        return self.second_tries_seconds / self.cpu_seconds if self.cpu_seconds else 0.0

    def judge(self, case: Case, heard: Recognised) -> None:
        """Count what was recognised of a case."""
        if case.kind == "repeats":
            true, ours = plain(case.text, case.language).split(), plain(heard.text, case.language).split()
            self.said.append((min(len(ours), len(true)), len(true)))
        elif case.spoken is None:
            self.wrong.setdefault(case.kind, []).append(errors_of(case, heard.text))
        else:
            self._judge_times(case.spoken, heard)

    def _judge_times(self, spoken: Sequence[tuple[float, float]], heard: Recognised) -> None:
        for start, end in spoken:
            words = [word for word in heard.words if _is_within(word, start, end)]
            if words:
                self.onsets.append(abs(words[0].start - start))
                self.ends.append(abs(words[-1].end - end))
            else:
                told = sum(max(0.0, min(end, until) - max(start, since)) for since, until in heard.gaps)
                self.lost_seconds += max(0.0, end - start - told)
        self.invented += sum(not any(_is_within(word, *one) for one in spoken) for word in heard.words)


def _is_within(word: Word, start: float, end: float) -> bool:
    return start - SLACK_SECONDS < (word.start + word.end) / 2 < end + SLACK_SECONDS


def plain(text: str, language: str) -> str:
    """Return the words of a text without case and punctuation; each character is one in languages without spaces."""
    if language == "en":
        return str(EnglishTextNormalizer()(text))
    return str(BasicTextNormalizer(split_letters=language in WITHOUT_SPACES)(text))


def errors_of(case: Case, text: str) -> tuple[int, int]:
    """Return the number of wrong words in *text*, and the number of words of the true one."""
    counted = jiwer.process_words(plain(case.text, case.language), plain(text, case.language))
    return (
        counted.substitutions + counted.deletions + counted.insertions,
        counted.hits + counted.substitutions + counted.deletions,
    )


def share(pairs: Iterable[tuple[int, int]]) -> float:
    """Return the sum of the parts by the sum of the wholes."""
    parts, wholes = map(sum, zip(*pairs, strict=True))
    return parts / wholes if wholes else 0.0


def interval(pairs: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return between which shares 95 % of the samples of these recordings lie (bootstrap)."""
    draw = np.random.default_rng(0).integers(len(pairs), size=(SAMPLES, len(pairs)))
    sums = np.array(pairs)[draw].sum(axis=1)
    low, high = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
    return float(low), float(high)


def percentile(errors: Sequence[float], percent: float) -> float:
    """Return a percentile; not a number if there are no errors to take it of."""
    return float(np.percentile(errors, percent)) if errors else float("nan")


def measure(recogniser: Recogniser, cases: Iterable[Case]) -> Tally:
    """Have all cases recognised, and return the findings."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            file = as_recording(case.sound, Path(folder))
            before, again = cpu_seconds(), ObservedBackend.second_tries_seconds
            heard = recogniser(file, case.language)
            tally.cpu_seconds += cpu_seconds() - before
            tally.second_tries_seconds += ObservedBackend.second_tries_seconds - again
            tally.judge(case, heard)
    return tally


def _wrong(kind: str) -> Callable[[Tally], str]:
    def row(tally: Tally) -> str:
        pairs = tally.wrong[kind]
        return "{:.1%} ({:.1%} to {:.1%})".format(share(pairs), *interval(pairs))

    return row


def report(tallies: Mapping[str, Tally]) -> None:
    """Print the table."""
    kinds = [kind for kind in JUDGED_BY_WORDS if kind in tallies[OURS].wrong]
    rows: dict[str, Callable[[Tally], str]] = {f"wrong, {kind}": _wrong(kind) for kind in kinds}
    rows |= {
        "lost, s": lambda one: f"{one.lost_seconds:.1f}",
        "invented, words": lambda one: f"{one.invented}",
        "repeats": lambda one: f"{share(one.said):.0%}",
        "onset": lambda one: f"{percentile(one.onsets, 50):.3f}, {percentile(one.onsets, 95):.3f}",
        "end": lambda one: f"{percentile(one.ends, 50):.3f}, {percentile(one.ends, 95):.3f}",
        "CPU, s": lambda one: f"{one.cpu_seconds:.0f}",
        "second tries": lambda one: f"{one.second_tries_share:.0%}",
    }
    print(" " * 24 + "".join(f"{name:>24}" for name in tallies))
    for label, row in rows.items():
        print(f"{label:24}" + "".join(f"{row(tally):>24}" for tally in tallies.values()))


def goals(tallies: Mapping[str, Tally]) -> dict[str, Measure]:
    """Return our figures against their goals; those of the cost only beside the peers."""
    ours = tallies[OURS]
    found = {
        "onset of a sentence, median error, s": Measure(percentile(ours.onsets, 50), 0.03),
        "onset of a sentence, 95 % within, s": Measure(percentile(ours.onsets, 95), 0.12),
        "end of a sentence, median error, s": Measure(percentile(ours.ends, 50), 0.08),
        "seconds of speech lost": Measure(ours.lost_seconds, 0),
        "words invented": Measure(ours.invented, 0),
        "repeats written, share": Measure(share(ours.said), 0.83, at_least=True),
    }
    if "mixed languages" in ours.wrong:
        found["wrong words, mixed languages, share"] = Measure(share(ours.wrong["mixed languages"]), 0.15)
    for name, goal in {"sequential": 0.6, "ctranslate2": 0.8}.items():
        if name in tallies:
            found[f"CPU seconds ÷ those of {name}"] = Measure(ours.cpu_seconds / tallies[name].cpu_seconds, goal)
    return found


def main() -> None:
    """Recognise all cases with all recognisers; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--model", default="base")
    parser.add_argument("--recordings", type=Path, metavar="FOLDER", help="further recordings, with a texts.json")
    parser.add_argument("--sentences", type=int, default=24, help="at most so many over each bed")
    parser.add_argument("--only-ours", action="store_true", help="leave the peers out")
    chosen = parser.parse_args()
    own = list(clip_cases(CLIPS))
    clips = [*own, *(clip_cases(chosen.recordings) if chosen.recordings else ())]
    sentences = [sentence for clip in own for sentence in sentences_of(clip.sound)][: chosen.sentences]
    cases = [
        *clips,
        *placed_cases(sentences),
        *repeated_cases(own),
        *quiet_cases(own),
        *mixed_cases(clips),
        *speechless_cases(own),
    ]
    found = recognisers(chosen.model, Settings().models_folder)
    tallies: dict[str, Tally] = {}
    for name, recogniser in found.items():
        if name == OURS or not chosen.only_ours:
            tallies[name] = measure(recogniser, cases)
            print(f"{name}: {len(cases)} recordings, {tallies[name].cpu_seconds:.0f} s of CPU time", flush=True)
    print()
    report(tallies)
    conclude(goals(tallies), chosen.json)


if __name__ == "__main__":
    main()
