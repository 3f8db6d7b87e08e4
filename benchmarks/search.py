"""
Benchmark of the search in many transcripts: the size of its index, the seconds to fill it, and those to search it.

No server is needed. The words of the transcripts are made up and as frequent as those of a language (Zipf)::

    python benchmarks/search.py [--hours 1000] [--json FILE]
"""

import itertools
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measures import Measure, arguments_of, conclude

from dashboard.search.database import Database
from dashboard.search.finding import Scope
from dashboard.search.index import SearchIndex
from dashboard.search.query import Query
from dashboard.search.texts import JobText, ListedBatch, Sentence

HOURS = 1000
HOURS_OF_A_BATCH = 50
WORDS_OF_AN_HOUR = 9000
VOCABULARY = 60_000
SHORTEST, LONGEST = 4, 22
"""Words of a sentence."""

SECONDS_PER_WORD = 0.4
TRIES = 3
MAX_KIB_PER_HOUR = 200.0
MAX_MILLISECONDS_TO_FILL = 150.0
MAX_MILLISECONDS_TO_FIND = 500.0


class Speaker:
    """A source of hours of speech, the same in each run."""

    def __init__(self) -> None:
        self._random = random.Random(1)  # noqa: S311 - words, no secrets
        letters = "etaoinshrdlucmfwyp"
        made = ("".join(self._random.choices(letters, k=self._length())) for _ in itertools.count())
        self.vocabulary = list(itertools.islice(dict.fromkeys(itertools.islice(made, 2 * VOCABULARY)), VOCABULARY))
        self._weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(self.vocabulary))))

    def sentences(self) -> Iterator[Sentence]:
        """Yield the sentences of an hour."""
        words = self._random.choices(self.vocabulary, cum_weights=self._weights, k=WORDS_OF_AN_HOUR)
        first = 0
        while first < len(words):
            after = first + self._random.randint(SHORTEST, LONGEST)
            yield Sentence(f"{' '.join(words[first:after]).capitalize()}.", first * SECONDS_PER_WORD)
            first = after

    def _length(self) -> int:
        return min(14, max(2, round(self._random.gauss(6.5, 2.5))))


def fill(index: SearchIndex, speaker: Speaker, hours: int) -> float:
    """Fill the index with so many hours and return the seconds that each took."""
    seconds = 0.0
    for batch in range(hours // HOURS_OF_A_BATCH):
        batch_id = f"20260101-{batch:06}-aaaaaa"
        paths = {f"{batch_id}-{number:010}": f"week {batch}/{number}.mp3" for number in range(HOURS_OF_A_BATCH)}
        index.note(ListedBatch(batch_id, f"Batch {batch}", paths, dict.fromkeys(paths, "1"), {}, 0))
        while undone := index.next_undone():
            text = JobText("1", "en", tuple(speaker.sentences()))
            began = time.perf_counter()
            index.put(undone, text)
            seconds += time.perf_counter() - began
    return seconds / hours


def seconds_to_find(index: SearchIndex, typed: str) -> float:
    """Return the fewest seconds of a few searches."""

    def search() -> float:
        began = time.perf_counter()
        index.find(Query.parse(typed), Scope(), limit=10, offset=0, hits=20)
        return time.perf_counter() - began

    return min(search() for _ in range(TRIES))


def main() -> None:
    """Measure, print, and exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--hours", type=int, default=HOURS, help="hours of speech, each a transcript of its own")
    arguments = parser.parse_args()
    speaker = Speaker()
    words = speaker.vocabulary
    with tempfile.TemporaryDirectory() as folder:
        index = SearchIndex(Database(Path(folder)))
        filled = 1000 * fill(index, speaker, arguments.hours)
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1024 / arguments.hours
        searches = {
            "the commonest word": f'"{words[0]}"',
            "a rare word": f'"{words[20_000]}"',
            "two words": f'{words[20]} "{words[200]}"',
            "a phrase of two common words": f'"{words[0]} {words[1]}"',
            "the beginning of words": words[0][:2],
            "a name": '"week 7"',
        }
        found = {name: 1000 * seconds_to_find(index, typed) for name, typed in searches.items()}
    measures = {
        "KiB of the index for an hour": Measure(size, MAX_KIB_PER_HOUR),
        "milliseconds to fill in an hour": Measure(filled, MAX_MILLISECONDS_TO_FILL),
    }
    measures |= {
        f"milliseconds to find {name}": Measure(each, MAX_MILLISECONDS_TO_FIND) for name, each in found.items()
    }
    conclude(measures, arguments.json)


if __name__ == "__main__":
    main()
