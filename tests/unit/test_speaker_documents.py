"""Speakers in the documents: who begins, in every format, and nothing where they are not told apart."""

import io
import json
import zipfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pysubs2
import pytest
import webvtt
from jsonschema import Draft202012Validator

from tasks.batches import Job
from tasks.documents.formats import render
from tasks.documents.json_document import JsonDocument, Processing
from tasks.names import DocumentFormat
from tasks.subtitles.layout import lay_out
from tasks.subtitles.standards import columns, standard_for
from tasks.transcription.transcript import Segment, Speaker, Transcript, Word

JOB = Job(job_id="20260102-030405-abcdef-abcdefghij", path="call.wav", size=5, sha256="ab" * 32, document_stem="call")
PROCESSING = Processing(device="cpu:0", compute_type="int8", transcription_seconds=2.5)
SCHEMA = Path(__file__).parents[2] / "docs" / "transcript.schema.json"
CALL = (
    ("S1", "Good morning, this is the library. How can I help you?"),
    ("S2", "I lost my card & need a <new> one."),
    ("S2", "What do I do?"),
    ("S1", "Come by with your passport."),
)


def spoken(text: str, speaker: str, start: float) -> list[Word]:
    return [
        Word(
            text=f" {piece}", start=start + 0.4 * place, end=start + 0.4 * place + 0.35, probability=1, speaker=speaker
        )
        for place, piece in enumerate(text.split())
    ]


def talk(turns: Sequence[tuple[str, str]] = CALL, names: Sequence[str] = ("", "")) -> Transcript:
    """Return a transcript whose model heard all of it in one piece; *names* are given ones."""
    words: list[Word] = []
    for speaker, text in turns:
        words += spoken(text, speaker, words[-1].end + 0.1 if words else 0.0)
    text = "".join(word.text for word in words)
    return Transcript(
        segments=(Segment(start=0, end=words[-1].end, text=text, words=tuple(words)),),
        language="en",
        language_probability=1,
        model="base",
        audio_seconds=words[-1].end + 1,
        speakers=tuple(Speaker(id=f"S{number}", name=name) for number, name in enumerate(names, start=1)),
    )


def documents(transcript: Transcript) -> dict[DocumentFormat, str]:
    formats = [each for each in DocumentFormat if each is not DocumentFormat.DOCX]
    return {name: content.decode() for name, content in render(transcript, JOB, formats, PROCESSING).items()}


def test_a_paragraph_names_its_speaker_where_another_one_begins():
    paragraphs = documents(talk())[DocumentFormat.TXT].rstrip("\n").split("\n\n")
    assert paragraphs == [
        "Speaker 1: Good morning, this is the library. How can I help you?",
        "Speaker 2: I lost my card & need a <new> one. What do I do?",
        "Speaker 1: Come by with your passport.",
    ]


def test_names_that_are_given_stand_in_place_of_numbers():
    written = documents(talk(names=("Mary  Ann", "")))
    assert written[DocumentFormat.TXT].startswith("Mary Ann: Good morning")
    assert "Speaker 2: I lost" in written[DocumentFormat.TXT]
    assert "] **Mary Ann:** Come by" in written[DocumentFormat.MD]
    assert "\nMary Ann: Come by" in written[DocumentFormat.SRT]


def test_the_word_document_names_speakers_in_bold():
    content = render(talk(), JOB, [DocumentFormat.DOCX], PROCESSING)[DocumentFormat.DOCX]
    document = zipfile.ZipFile(io.BytesIO(content)).read("word/document.xml").decode()
    assert '<w:rPr><w:b/></w:rPr><w:t xml:space="preserve">Speaker 2: </w:t>' in document


def test_no_cue_has_words_of_two_speakers():
    words = talk().words
    turns = {
        place: after.speaker
        for place, (_, after) in enumerate(pairwise(words), 1)
        if words[place - 1].speaker != after.speaker
    }
    cues = lay_out(words, standard_for("en"), voices={0: "S1", **turns})
    said = {speaker: " ".join(text for one, text in CALL if one == speaker) for speaker in ("S1", "S2")}
    assert all(" ".join(cue.lines) in said[cue.voice] for cue in cues)
    assert " ".join(line for cue in cues for line in cue.lines) == " ".join(text for _, text in CALL)


def test_vtt_gives_each_cue_a_voice():
    parsed = webvtt.from_string(documents(talk(names=("A > B & C", "")))[DocumentFormat.VTT])
    assert [caption.voice for caption in parsed.captions][-1] == "A &gt; B &amp; C"
    assert {caption.voice for caption in parsed.captions} == {"A &gt; B &amp; C", "Speaker 2"}
    assert "Speaker" not in " ".join(caption.text for caption in parsed.captions)


@pytest.mark.parametrize("names", [("", ""), ("The Right Honourable Lady of the Upper Library", "Ö")])
def test_srt_names_the_speaker_at_the_first_cue_of_a_turn_within_the_line(names):
    events = pysubs2.SSAFile.from_string(documents(talk(names=names))[DocumentFormat.SRT], format_="srt").events
    lines = [event.plaintext for event in events]
    label = names[1] or "Speaker 2"
    assert sum(line.startswith(f"{label}: ") for line in lines) == 1
    assert sum(": " in line.split("\n")[0] for line in lines) == 3
    assert max(columns(row) for line in lines for row in line.split("\n")) <= 42


def test_the_json_has_speakers_of_words_segments_and_paragraphs():
    written = json.loads(documents(talk(names=("", "Tom")))[DocumentFormat.JSON])
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(written)
    assert [segment["speaker"] for segment in written["segments"]] == ["S1", "S1", "S2", "S2", "S1"]
    assert [paragraph["speaker"] for paragraph in written["paragraphs"]] == ["S1", "S2", "S1"]
    assert {word["speaker"] for word in written["segments"][2]["words"]} == {"S2"}
    assert [(one["id"], one["name"]) for one in written["speakers"]] == [("S1", ""), ("S2", "Tom")]
    assert [one["seconds"] for one in written["speakers"]] == pytest.approx([16 * 0.35, 13 * 0.35])
    assert "Speaker" not in written["text"]


def test_a_lone_speaker_has_no_label():
    alone = talk([("S1", text) for _, text in CALL], names=("Mary",))
    unknown = talk([("", text) for _, text in CALL], names=())
    for document_format in (DocumentFormat.TXT, DocumentFormat.SRT, DocumentFormat.VTT, DocumentFormat.MD):
        assert documents(alone)[document_format] == documents(unknown)[document_format]


def test_a_speaker_who_says_nothing_does_not_count():
    alone = talk([("S2", text) for _, text in CALL], names=("Mary", "Tom"))
    unknown = talk([("", text) for _, text in CALL], names=())
    assert documents(alone)[DocumentFormat.TXT] == documents(unknown)[DocumentFormat.TXT]
    written = json.loads(documents(alone)[DocumentFormat.JSON])
    assert [speaker["name"] for speaker in written["speakers"]] == ["Tom"]


def test_a_speaker_keeps_their_number_when_others_go_and_come():
    turns = [("S3", "Hello."), ("S2", "Good morning."), ("anna", "And me.")]
    speakers = tuple(Speaker(id=each) for each in ("S2", "S3", "anna"))
    written = documents(talk(turns).model_copy(update={"speakers": speakers}))
    assert written[DocumentFormat.TXT] == "Speaker 3: Hello.\n\nSpeaker 2: Good morning.\n\nanna: And me.\n"
    assert [each["id"] for each in json.loads(written[DocumentFormat.JSON])["speakers"]] == ["S3", "S2", "anna"]


def test_documents_say_nothing_of_speakers_that_were_not_told_apart():
    written = json.loads(documents(talk([("", text) for _, text in CALL], names=()))[DocumentFormat.JSON])
    assert not {"speakers", "notes"} & written.keys()
    assert not any("speaker" in part for part in (*written["segments"], *written["paragraphs"]))
    assert JsonDocument.model_validate(written).speakers == ()


def test_the_json_says_why_speakers_were_not_told_apart():
    noted = talk([("", "Hello.")], names=()).model_copy(update={"notes": ("Speakers were not told apart: …",)})
    assert json.loads(documents(noted)[DocumentFormat.JSON])["notes"] == ["Speakers were not told apart: …"]
