"""Searching in the store: what is said is found at its second, and names, languages, days and tags bound a search."""

from datetime import date

import pytest

from dashboard.search.finding import Scope
from tasks.batches import batch_id_of
from tasks.documents.formats import render_stored
from tasks.names import DocumentFormat
from tasks.storage.edits import change_edits
from tasks.transcription.transcript import Segment, Speaker, Word
from tests.support.transcripts import heard, sentence


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
