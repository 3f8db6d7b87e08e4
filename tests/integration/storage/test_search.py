"""The search follows the store: what is published is found, and what is gone is not."""

import asyncio
import contextlib
import json
import logging
import sqlite3
from datetime import UTC, date, datetime, timedelta

import pytest

from dashboard.search.database import FILE
from dashboard.search.finding import Scope
from dashboard.search.service import EVERYTHING, SearchService
from tasks.batches import Batch, Upload, batch_id_of, job_id_for, manifest_of
from tasks.cleanup.deletion import hide_batch
from tasks.documents.formats import render_stored
from tasks.documents.publish import publish
from tasks.names import DocumentFormat
from tasks.storage.edits import change_edits
from tasks.storage.keys import BatchKeys, attempt_token
from tasks.transcription.transcript import Segment, Speaker, Word
from tests.support.transcripts import heard, sentence
from tests.support.waiting import wait_until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HEARD = heard()


class Installation:
    """A store with batches, and the search in it."""

    def __init__(self, store, folder):
        self.store = store
        self.folder = folder
        self.search = SearchService(store, folder)

    def batch(self, number, name, *paths):
        """Make a started batch and return its jobs by path; a higher number is a newer one."""
        at = NOON + timedelta(seconds=number)
        batch = Batch(batch_id=f"{at:%Y%m%d-%H%M%S}-abcdef", name=name, created_at=at)
        uploads = [
            Upload(job_id=job_id_for(batch.batch_id, path), path=path, size=1, sha256="0", uploaded_at=at)
            for path in paths
        ]
        manifest = manifest_of(batch, uploads, started_at=at)
        keys = BatchKeys.of(batch.batch_id)
        self.store.write(keys.batch, batch.model_dump_json().encode())
        self.store.write(keys.manifest, manifest.model_dump_json().encode())
        return {job.path: job for job in manifest.jobs}

    def publish(self, job, *sentences, attempt=1, language="en", **details):
        """Publish a document of the job with these sentences, ten seconds apart."""
        segments = [{"start": 10.0 * number, "text": text} for number, text in enumerate(sentences)]
        transcript = HEARD.transcript.model_copy(update={"language": language})
        contents = {DocumentFormat.JSON: json.dumps({"segments": segments}).encode()}
        return publish(
            self.store,
            job.job_id.rpartition("-")[0],
            job,
            token=attempt_token(job.job_id, attempt),
            attempt=attempt,
            **{"heard": HEARD.model_copy(update={"transcript": transcript}), "contents": contents} | details,
        )

    def follow(self):
        """Index whatever the store has."""
        asyncio.run(self._caught_up())

    async def _caught_up(self):
        self.search.indexer.list_now()
        await self.search.indexer.catch_up()

    def find(self, query, scope=EVERYTHING, **page):
        return asyncio.run(self.search.search(query, scope, **{"limit": 10, "hits": 10} | page))

    def found(self, query):
        """Return what is found, as paths with the seconds of their hits."""
        return [(each.path.text, [hit.start for hit in each.hits]) for each in self.find(query).recordings]


@pytest.fixture
def here(store, tmp_path):
    return Installation(store, tmp_path / "search")


def test_a_published_sentence_is_found_at_its_second(here):
    jobs = here.batch(0, "Talks", "week 1/a.mp3", "b.mp3")
    here.publish(jobs["week 1/a.mp3"], "Welcome.", "The budget of the garden.", "Nothing.")
    here.publish(jobs["b.mp3"], "今天天气很好。", "Straße")
    here.follow()
    (recording,) = here.find("garden budg").recordings
    assert (recording.path.text, recording.batch_name.text, recording.total_hits) == ("week 1/a.mp3", "Talks", 1)
    (hit,) = recording.hits
    assert (hit.start, hit.text) == (10.0, "The budget of the garden.")
    assert [hit.text[start:end] for start, end in hit.marks] == ["budget", "garden"]
    assert here.found("天气") == [("b.mp3", [0.0])]
    assert here.found("strasse") == [("b.mp3", [10.0])]
    assert here.found('"garden budget"') == []
    state = here.find("nothing").index
    assert (state.recordings, state.waiting, state.unreadable, state.counting) == (2, 0, 0, False)


def test_names_of_files_and_batches_are_found_with_the_best_first_and_of_equals_the_newest(here):
    for number, path in enumerate(["old/same.mp3", "new/same.mp3", "garden.mp3"]):
        job = here.batch(number, f"Batch {number}", path)[path]
        here.publish(job, "The same words.", "A garden that is only named in the middle of a longer sentence.")
    here.follow()
    assert [path for path, _ in here.found('"the same words"')] == ["garden.mp3", "new/same.mp3", "old/same.mp3"]
    assert here.found("garden.mp3") == [("garden.mp3", [])]
    assert here.found('"batch 1"') == [("new/same.mp3", [])]
    assert next(iter(here.found("garden")))[0] == "garden.mp3"
    page = here.find("garden", limit=1, offset=1)
    assert (page.total, page.total_hits, len(page.recordings)) == (3, 3, 1)


def test_where_no_sentence_has_all_words_the_passages_that_have_are_found(here):
    jobs = here.batch(0, "Talks", "a.mp3", "b.mp3")
    here.publish(jobs["a.mp3"], "The garden.", "And then.", "A very small budget.", *["More."] * 5, "No budget.")
    here.publish(jobs["b.mp3"], "A budget.", *["More."] * 5, "The garden.")
    here.follow()
    answer = here.find("garden budget")
    (recording,) = answer.recordings
    assert (answer.spread, answer.total_hits, recording.path.text) == (True, 1, "a.mp3")
    (hit,) = recording.hits
    assert (hit.start, hit.text) == (0.0, "The garden. And then. A very small budget.")
    assert [hit.text[start:end] for start, end in hit.marks] == ["garden", "budget"]
    assert not here.find("small budget").spread


def test_the_search_can_be_bound_to_a_batch_a_language_and_days(here):
    day = 24 * 3600
    for number, language in [(0, "en"), (day, "de"), (2 * day, "en")]:
        job = here.batch(number, "Talks", f"{language} {number // day}.mp3").popitem()[1]
        here.publish(job, "The garden.", language=language)
    here.follow()

    def paths(**scope):
        return [each.path.text for each in here.find("garden", Scope(**scope)).recordings]

    assert paths() == ["en 2.mp3", "de 1.mp3", "en 0.mp3"]
    assert paths(language="en") == ["en 2.mp3", "en 0.mp3"]
    assert paths(batch_id="20260102-120000-abcdef") == ["de 1.mp3"]
    assert paths(since=date(2026, 1, 2)) == ["en 2.mp3", "de 1.mp3"]
    assert paths(since=date(2026, 1, 2), until=date(2026, 1, 2)) == ["de 1.mp3"]
    assert paths(until=date.max, language="fr") == []
    assert here.find("garden").index.languages == {"en": 2, "de": 1}


def test_a_dismissed_batch_is_not_found_from_that_moment_on(here):
    jobs = here.batch(0, "Talks", "a.mp3")
    here.publish(jobs["a.mp3"], "The garden.")
    here.follow()
    batch_id = jobs["a.mp3"].job_id.rpartition("-")[0]
    record = hide_batch(here.store, batch_id)
    assert here.found("garden") == here.found("talks") == []
    here.store.write(BatchKeys.of(batch_id).batch, record)
    here.follow()
    assert here.found("garden") == [("a.mp3", [0.0])]
    here.store.delete_all(BatchKeys.of(batch_id).folder)
    assert here.find("garden").index.recordings == 0
    here.follow()
    connection = sqlite3.connect(here.folder / FILE)
    assert connection.execute("SELECT count(*) FROM sentences").fetchone() == (0,)
    connection.execute("INSERT INTO spoken (spoken) VALUES ('integrity-check')")
    connection.close()


def test_no_file_of_the_index_holds_the_words_of_a_dismissed_batch(here):
    jobs = here.batch(0, "Talks", "a.mp3") | here.batch(1, "Secrets", "quokka.mp3", "b.mp3")
    here.publish(jobs["a.mp3"], *["The garden."] * 50)
    here.publish(jobs["quokka.mp3"], *(f"The zebrafinch {number}." for number in range(500)))
    here.publish(jobs["b.mp3"], "The zebrafinch.")
    here.follow()

    def holding(word):
        return {path.name for path in here.folder.iterdir() if word in path.read_bytes()}

    assert holding(b"zebrafinch") == holding(b"quokka") == {FILE}
    here.store.delete_all(BatchKeys.of(jobs["b.mp3"].job_id.rpartition("-")[0]).folder)
    assert here.found("zebrafinch") == []
    here.follow()
    assert holding(b"zebrafinch") == holding(b"finch") == holding(b"quokka") == set()
    assert len(here.found("garden")[0][1]) == 10


def test_a_text_that_was_published_again_replaces_the_older_one(here):
    job = here.batch(0, "Talks", "a.mp3")["a.mp3"]
    first = here.publish(job, "The garden.")
    here.follow()
    here.store.delete(first.documents[0].key)
    here.publish(job, "The orchard in the garden.", "More.", attempt=2)
    assert here.found("orchard") == []
    assert here.found("garden") == [], "the text that was indexed is no longer the one of the store"
    here.follow()
    assert here.found("garden") == here.found("orchard") == [("a.mp3", [0.0])]


def test_a_damaged_document_is_left_out_and_named(here, caplog):
    jobs = here.batch(0, "Talks", "a.mp3", "b.mp3")
    broken = here.publish(jobs["a.mp3"], "The garden.")
    here.publish(jobs["b.mp3"], "The garden.")
    here.store.write(broken.transcript, b"rubbish")
    here.store.write(broken.documents[0].key, b'{"segments": [{"text": "A forged garden.", "start": 0}]}')
    with caplog.at_level(logging.WARNING, logger="dashboard.search.indexer"):
        here.follow()
    assert here.found("garden") == [("b.mp3", [0.0])]
    assert broken.documents[0].key in caplog.text
    assert here.find("garden").index.unreadable == 1


@pytest.mark.parametrize(
    ("document_format", "content", "start"),
    [
        (DocumentFormat.TXT, b"First paragraph.\n\nThe garden\nof it.\n", None),
        (
            DocumentFormat.SRT,
            b"1\n00:00:01,000 --> 00:00:02,000\nFirst.\n\n2\n01:00:03,500 --> 01:00:04,000\nThe garden\nof it.\n",
            3603.5,
        ),
        (DocumentFormat.VTT, b"WEBVTT\n\n00:03.500 --> 00:04.000\n<i>The garden</i>\nof it.\n", 3.5),
    ],
)
def test_of_older_versions_without_json_the_text_or_the_subtitles_are_searched(here, document_format, content, start):
    job = here.batch(0, "Talks", "a.mp3")["a.mp3"]
    kept = here.publish(job, contents={document_format: content})
    here.store.delete(kept.transcript)
    here.follow()
    (recording,) = here.find('"garden of it"').recordings
    assert [(hit.start, hit.text) for hit in recording.hits] == [(start, "The garden of it.")]


def test_in_place_of_a_damaged_document_the_transcript_that_it_was_made_of_is_searched(here):
    job = here.batch(0, "Talks", "a.mp3")["a.mp3"]
    broken = here.publish(job, "The garden.", heard=heard(sentence("The orchard.", 2.0, 3.0), seconds=4.0))
    here.store.write(broken.documents[0].key, b"rubbish")
    here.follow()
    assert here.found("orchard") == [("a.mp3", [2.0])]


def test_what_is_said_is_found_and_not_who_says_it_or_how_it_is_laid_out(here):
    job = here.batch(0, "Talks", "a.mp3")["a.mp3"]
    words = [
        Word(text=f" {text}", start=number, end=number + 0.5, probability=1, speaker="S1" if number < 3 else "S2")
        for number, text in enumerate(["The", "<wide>", "garden.", "It", "grows."])
    ]
    spoken = heard(Segment(start=0, end=5, text="", words=tuple(words)), seconds=6.0)
    speakers = (Speaker(id="S1", name="Orchard"), Speaker(id="S2"))
    called = spoken.model_copy(update={"transcript": spoken.transcript.model_copy(update={"speakers": speakers})})
    here.publish(job, heard=called, contents=render_stored(called, job, [DocumentFormat.SRT, DocumentFormat.TXT]))
    here.follow()
    assert here.found("orchard") == here.found("speaker") == []
    (recording,) = here.find("garden").recordings
    assert [(hit.start, hit.text) for hit in recording.hits] == [(0.0, "The <wide> garden.")]
    assert here.found("grows") == [("a.mp3", [3.0])]


def test_an_index_that_was_deleted_or_damaged_is_filled_again(here, caplog):
    job = here.batch(0, "Talks", "a.mp3")["a.mp3"]
    here.publish(job, "The garden.")
    here.follow()
    (here.folder / FILE).unlink()
    assert here.found("garden") == []
    here.follow()
    assert here.found("garden") == [("a.mp3", [0.0])]
    (here.folder / FILE).write_bytes(b"not a database at all" * 1000)
    assert here.found("garden") == []
    assert "of no use" in caplog.text
    here.follow()
    assert here.found("garden") == [("a.mp3", [0.0])]


def test_what_is_left_of_a_deleted_index_is_no_part_of_the_next_one(here):
    job = here.batch(0, "Talks", "a.mp3")["a.mp3"]
    here.publish(job, "The garden.")
    here.follow()
    with contextlib.closing(sqlite3.connect(here.folder / FILE)) as reader:
        reader.execute("SELECT count(*) FROM sentences").fetchone()  # while it is open, its log is there
        here.publish(here.batch(1, "More", "b.mp3")["b.mp3"], "The garden.")
        here.follow()
        assert (here.folder / f"{FILE}-wal").stat().st_size
        (here.folder / FILE).unlink()
    here.follow()
    assert here.find("garden").total == 2


def test_what_is_not_indexed_yet_is_told(here):
    jobs = here.batch(0, "Talks", "a.mp3", "b.mp3", "c.mp3")
    for job in jobs.values():
        here.publish(job, "The garden.")
    assert here.find("garden").index.counting

    async def two_steps():
        await here.search.indexer.step()
        await here.search.indexer.step()

    asyncio.run(two_steps())
    answer = here.find("garden")
    assert (answer.total, answer.index.recordings, answer.index.waiting) == (2, 2, 1)


OTHER_PROCESS = """
import asyncio, sys
from dashboard.search.service import SearchService
search = SearchService(store, Path(sys.argv[1]))
print(asyncio.run(search.indexer.catch_up()) or "filled", flush=True)
"""


def test_two_processes_fill_one_index(here, started):
    jobs = here.batch(0, "Talks", *(f"{number}.mp3" for number in range(40)))
    for job in jobs.values():
        here.publish(job, *(f"Sentence {number} of the garden." for number in range(50)))
    others = [started(OTHER_PROCESS.replace("sys.argv[1]", repr(str(here.folder)))) for _ in range(2)]
    here.follow()
    wait_until(lambda: all(other.poll() is not None for other in others), "the other processes")
    assert [other.returncode for other in others] == [0, 0]
    here.follow()
    answer = here.find("garden")
    assert (answer.total, answer.total_hits, answer.index.waiting) == (40, 2000, 0)
    connection = sqlite3.connect(here.folder / FILE)
    assert connection.execute("SELECT count(*) FROM sentences").fetchone() == (2000,)
    connection.close()


def test_new_names_are_found_in_place_of_the_old_ones_and_a_tag_bounds_a_search(here):
    jobs = [here.batch(number, f"Batch {number}", f"talk-{number}.mp3")[f"talk-{number}.mp3"] for number in range(2)]
    for job in jobs:
        here.publish(job, "The same words.")
    here.follow()
    first, second = (batch_id_of(job.job_id) for job in jobs)
    change_edits(here.store, first, lambda edits: edits.renamed("Lectures", first_name="Batch 0"))
    change_edits(here.store, first, lambda edits: edits.titled(jobs[0].job_id, "Opening of the garden"))
    here.follow()
    assert here.found('"batch 0"') == []
    (found,) = here.find("lectures garden").recordings
    assert (found.batch_name.text, found.title.text, found.path.text) == (
        "Lectures",
        "Opening of the garden",
        "talk-0.mp3",
    )
    assert [found.title.text[start:end] for start, end in found.title.marks] == ["garden"]
    assert [each.batch_id for each in here.find("words", Scope(batches=frozenset({second}))).recordings] == [second]
    assert here.find("words", Scope(batches=frozenset())).total == 0
    change_edits(here.store, first, lambda edits: edits.renamed("", first_name="Batch 0").titled(jobs[0].job_id, ""))
    here.follow()
    assert (here.found("lectures"), here.found('"batch 0"')) == ([], [("talk-0.mp3", [])])
