"""The JSON document: read back as it was written, in sentences, and valid by the published schema."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tasks.batches import Gap, GapReason
from tasks.documents.json_document import JsonDocument, json_schema
from tasks.names import DocumentFormat
from tasks.transcription.transcript import Segment, Transcript
from tests.support.documents import JOB, PROCESSING, TALK, json_of, segment, texts, transcript

SCHEMA = Path(__file__).parents[2] / "docs" / "transcript.schema.json"


def test_json_is_read_back_as_what_was_written():
    document = JsonDocument.model_validate_json(texts(TALK)[DocumentFormat.JSON])

    assert document.schema_version == 1
    assert document.source.model_dump() == JOB.model_dump(exclude={"document_stem", "result_stem", "names", "options"})
    assert document.segments == TALK.segments
    assert document.removed == TALK.removed
    assert document.gaps == TALK.gaps
    assert document.processing == PROCESSING
    assert document.real_time_factor == 0.25
    assert document.text == "Good morning, everyone.\n\nÉlodie speaks first."
    assert (document.subtitles.cues, document.subtitles.within_all) == (2, 2)


def test_json_says_how_long_each_language_is_spoken():
    german = segment("Guten Morgen zusammen.", 3.0, 5.5).model_copy(update={"language": "de"})
    talk = transcript(segment("Good morning.", 0.5, 2.5), german, segment("Hello.", 6.0, 6.25))

    document = JsonDocument.model_validate_json(texts(talk)[DocumentFormat.JSON])

    assert document.language == "en"
    assert document.languages == {"de": 2.5, "en": 2.25}


def test_json_of_another_schema_is_refused():
    other = texts(TALK)[DocumentFormat.JSON].replace('"schema_version": 1', '"schema_version": 2')

    with pytest.raises(ValueError, match="schema_version"):
        JsonDocument.model_validate_json(other)


def test_a_recording_of_no_length_has_no_real_time_factor():
    document = JsonDocument.model_validate_json(
        texts(TALK.model_copy(update={"audio_seconds": 0.0}))[DocumentFormat.JSON]
    )

    assert document.real_time_factor is None


def test_a_chunk_of_the_model_becomes_a_segment_for_each_sentence():
    chunk = segment("One two. Three four. Five", 0, 5).model_copy(
        update={"average_log_probability": -0.4, "no_speech_probability": 0.1, "language": "en"}
    )

    document = json_of(transcript(chunk, segment("six.", 5, 6)))

    assert [(found.text, found.start, found.end) for found in document.segments] == [
        (" One two.", 0, 2),
        (" Three four.", 2, 4),
        (" Five", 4, 5),
        (" six.", 5, 6),
    ]
    assert [word.text for word in document.segments[1].words] == [" Three", " four."]
    assert {found.average_log_probability for found in document.segments[:3]} == {-0.4}
    assert {found.language for found in document.segments[:3]} == {"en"}


def test_a_long_pause_ends_a_segment_without_punctuation():
    words = (*segment("some words", 0, 1).words, *segment("after a while", 4, 6).words)

    document = json_of(transcript(Segment(start=0, end=6, text="", words=words)))

    assert [found.text for found in document.segments] == [" some words", " after a while"]


def test_every_paragraph_begins_with_a_segment():
    document = json_of(TALK)

    starts = {found.start for found in document.segments}
    assert [(found.text, found.start, found.end) for found in document.paragraphs] == [
        ("Good morning, everyone.", 0.5, 2.5),
        ("Élodie speaks first.", 6.0, 8.0),
    ]
    assert all(paragraph.start in starts for paragraph in document.paragraphs)


def test_gaps_are_in_the_json():
    gap = Gap(start=3, end=5, reason=GapReason.NOT_UNDERSTOOD)

    assert json_of(TALK.model_copy(update={"gaps": (gap,)})).gaps == (gap,)


def test_the_published_schema_is_that_of_the_documents():
    assert SCHEMA.read_text(encoding="utf-8") == json_schema(), "Write it with: make schema"


@pytest.mark.parametrize("given", [TALK, transcript(), transcript(Segment(start=0, end=3, text=" No words."))])
def test_documents_are_valid_by_the_schema(given: Transcript):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    document = json.loads(texts(given)[DocumentFormat.JSON])

    assert list(Draft202012Validator(schema).iter_errors(document)) == []
    assert list(Draft202012Validator(schema).iter_errors(document | {"segments": [{"start": "early"}]}))


def test_a_document_of_before_is_valid_and_readable():
    document = json.loads(texts(TALK)[DocumentFormat.JSON])
    for added in ("paragraphs", "gaps"):
        del document[added]
    del document["processing"]["finished_at"]
    for found in document["segments"]:
        del found["language"]

    assert list(Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).iter_errors(document)) == []
    assert JsonDocument.model_validate(document).paragraphs == ()
