"""Documents of all formats: the words and times in them, their layout, and the same bytes each time."""

import io
import zipfile
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from tasks.batches import Job
from tasks.documents.formats import render
from tasks.documents.json_document import JsonDocument, Processing
from tasks.names import DocumentFormat
from tasks.options import WhisperTask
from tasks.transcription.transcript import Segment, Transcript
from tests.support.documents import JOB, PROCESSING, TALK, json_of, segment, texts, transcript

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def word_paragraphs(given: Transcript, processing: Processing = PROCESSING, job: Job = JOB) -> list[tuple[str, str]]:
    """Return the style and text of each paragraph of the Word document, read without the library that wrote it."""
    content = render(given, job, [DocumentFormat.DOCX], processing)[DocumentFormat.DOCX]
    body = ET.fromstring(zipfile.ZipFile(io.BytesIO(content)).read("word/document.xml")).find(f"{WORD}body")  # noqa: S314
    return [
        (
            next((style.get(f"{WORD}val") for style in paragraph.iter(f"{WORD}pStyle")), ""),
            "".join(text.text or "" for text in paragraph.iter(f"{WORD}t")),
        )
        for paragraph in body.findall(f"{WORD}p")
    ]


def test_text_is_paragraphs_with_an_empty_line_between():
    assert texts(TALK)[DocumentFormat.TXT] == "Good morning, everyone.\n\nÉlodie speaks first.\n"


def test_subtitles_come_from_the_times_of_the_words():
    documents = texts(TALK)

    assert documents[DocumentFormat.SRT] == (
        "1\n00:00:00,500 --> 00:00:03,000\nGood morning, everyone.\n\n"
        "2\n00:00:06,000 --> 00:00:08,500\nÉlodie speaks first.\n"
    )
    assert documents[DocumentFormat.VTT] == (
        "WEBVTT\n\n1\n00:00:00.500 --> 00:00:03.000\nGood morning, everyone.\n\n"
        "2\n00:00:06.000 --> 00:00:08.500\nÉlodie speaks first.\n"
    )


@pytest.mark.parametrize(
    ("audio_seconds", "offset_seconds", "end"),
    [(10.0, 0.0, "00:00:08,500"), (8.2, 0.0, "00:00:08,200"), (6.2, 2.0, "00:00:08,200")],
)
def test_no_subtitle_ends_after_the_recording(audio_seconds: float, offset_seconds: float, end: str):
    cut = TALK.model_copy(update={"audio_seconds": audio_seconds, "offset_seconds": offset_seconds})

    assert f"00:00:06,000 --> {end}\n" in texts(cut)[DocumentFormat.SRT]


def test_only_the_wanted_documents_are_made():
    assert set(render(TALK, JOB, [DocumentFormat.VTT], PROCESSING)) == {DocumentFormat.VTT}


def test_a_segment_without_words_is_in_every_document():
    documents = texts(transcript(Segment(start=0, end=3, text=" Only a text, no words.")))

    assert all("Only a text, no words." in text for text in documents.values())


def test_an_empty_transcript_gives_empty_documents():
    documents = texts(transcript())

    assert documents[DocumentFormat.TXT] == documents[DocumentFormat.SRT] == ""
    assert documents[DocumentFormat.VTT] == "WEBVTT\n\n"
    assert JsonDocument.model_validate_json(documents[DocumentFormat.JSON]).segments == ()
    assert word_paragraphs(transcript()) == [("Title", "été.mp4"), ("", "0:10 · English · transcribed on 2026-11-29")]


@pytest.mark.parametrize(("task", "characters_per_line"), [("transcribe", 13), ("translate", 42)])
def test_a_translation_is_laid_out_as_english(task: str, characters_per_line: int):
    processing = PROCESSING.model_copy(update={"task": WhisperTask(task)})

    documents = texts(transcript(segment("Good morning.", 0, 2), language="ja"), processing)

    document = JsonDocument.model_validate_json(documents[DocumentFormat.JSON])
    assert document.subtitles.standard.characters_per_line == characters_per_line


def test_the_same_transcript_gives_the_same_bytes():
    assert render(TALK, JOB, DocumentFormat, PROCESSING) == render(TALK, JOB, DocumentFormat, PROCESSING)


def test_another_language_begins_a_paragraph():
    german = segment("und das ist", 2, 3).model_copy(update={"language": "de"})

    assert texts(transcript(segment("This is", 0, 2), german))[DocumentFormat.TXT] == "This is\n\nund das ist\n"


def test_a_glued_sentence_is_mended_in_every_document():
    glued = Segment(start=0, end=2, text="x", words=segment("Well done.Then go", 0, 2).words)

    documents = texts(transcript(glued))

    assert all("done. Then" in document for name, document in documents.items() if name is not DocumentFormat.JSON)
    assert [found.text for found in json_of(transcript(glued)).segments] == [" Well done.", " Then go"]


BOOK = transcript(
    segment("Chapter one begins.", 0, 2),
    segment("This is what was said first, and *that* was <b>all</b> of it. " * 4, 5, 25),
    segment("Then it went on.", 28, 30),
)


def test_word_has_title_facts_headings_and_paragraphs_with_their_times():
    said = ("This is what was said first, and *that* was <b>all</b> of it. " * 4).strip()

    assert word_paragraphs(BOOK) == [
        ("Title", "été.mp4"),
        ("", "0:10 · English · transcribed on 2026-11-29"),
        ("Heading1", "Chapter one begins."),
        ("", f"0:05  {said}"),
        ("", "0:28  Then it went on."),
    ]


def test_markdown_shows_what_word_does():
    tokens = MarkdownIt().parse(texts(BOOK)[DocumentFormat.MD])

    blocks = [
        (token.tag, "".join(child.content for child in following.children or ()))
        for token, following in pairwise(tokens)
        if token.type in ("heading_open", "paragraph_open")
    ]
    said = ("This is what was said first, and *that* was <b>all</b> of it. " * 4).strip()
    assert blocks == [
        ("h1", "été.mp4"),
        ("p", "0:10 · English · transcribed on 2026-11-29"),
        ("h2", "Chapter one begins."),
        ("p", f"[0:05] {said}"),
        ("p", "[0:28] Then it went on."),
    ]
    assert {token.type for token in tokens} <= {
        f"{kind}_{side}" for kind in ("heading", "paragraph") for side in ("open", "close")
    } | {"inline"}


@pytest.mark.parametrize("name", ["a\nb\x01.mp3", "# x *y* [z](a) <img> &amp; `c`.mp3", "\u202egpj.mp3", "x" * 300])
def test_odd_names_are_text_in_word_and_markdown(name: str):
    job = JOB.model_copy(update={"path": name})
    shown = " ".join(job.name.replace("\x01", "").split())

    assert word_paragraphs(TALK, job=job)[0] == ("Title", shown)
    markdown = render(TALK, job, [DocumentFormat.MD], PROCESSING)[DocumentFormat.MD].decode()
    title = MarkdownIt().parse(markdown)[1]
    assert "".join(child.content for child in title.children or ()) == shown


def test_joiners_and_right_to_left_stay():
    given = transcript(segment("می‌خواهم 👩‍👧", 0, 2), language="fa")
    content = render(given, JOB, [DocumentFormat.DOCX], PROCESSING)[DocumentFormat.DOCX]

    assert word_paragraphs(given)[2] == ("", "0:00  می‌خواهم 👩‍👧")
    assert b"<w:bidi/>" in zipfile.ZipFile(io.BytesIO(content)).read("word/document.xml")


def test_a_translation_is_called_so():
    processing = PROCESSING.model_copy(update={"task": WhisperTask.TRANSLATE, "finished_at": None})

    given = transcript(segment("Good morning.", 0, 2), language="de")
    assert word_paragraphs(given, processing)[1][1] == "0:10 · translated from German into English"


def test_a_word_document_tells_no_time_but_that_of_the_transcription():
    content = render(TALK, JOB, [DocumentFormat.DOCX], PROCESSING)[DocumentFormat.DOCX]
    archive = zipfile.ZipFile(io.BytesIO(content))

    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert b"2026-11-29T23:30:00Z" in archive.read("docProps/core.xml")
