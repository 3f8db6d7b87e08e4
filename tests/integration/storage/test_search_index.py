"""The index of the search follows the store, holds nothing of what is gone, and is filled again if it is lost."""

import asyncio
import contextlib
import logging
import sqlite3

from dashboard.search.database import FILE
from tasks.cleanup.deletion import hide_batch
from tasks.storage.keys import BatchKeys
from tests.support.waiting import wait_until


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
