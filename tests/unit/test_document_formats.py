import pytest

from tasks.batches import Gap, GapReason, Job, WhisperTask
from tasks.documents.formats import JsonDocument, Processing, render
from tasks.names import DocumentFormat
from tasks.transcription.transcript import RemovedText, Segment, Transcript, Word

JOB = Job(
    job_id="20260102-030405-abcdef-abcdefghij",
    path="talks/été.mp4",
    size=5,
    sha256="ab" * 32,
    document_stem="talks/été",
)
PROCESSING = Processing(
    device="cuda:0", compute_type="float16", transcription_seconds=2.5, attempt=2, versions={"faster-whisper": "1.2.1"}
)


def segment(text: str, start: float, end: float) -> Segment:
    pieces = text.split()
    step = (end - start) / len(pieces)
    words = tuple(
        Word(text=f" {piece}", start=start + place * step, end=start + (place + 1) * step, probability=0.9)
        for place, piece in enumerate(pieces)
    )
    return Segment(start=start, end=end, text=f" {text}", words=words)


def transcript(*segments: Segment, language: str = "en") -> Transcript:
    return Transcript(
        segments=segments,
        language=language,
        language_probability=0.98,
        model="base",
        audio_seconds=10.0,
        removed=(RemovedText(start=8, end=9, text="Thank you.", reason="no speech there"),),
        gaps=(Gap(start=8, end=10, reason=GapReason.NOT_UNDERSTOOD),),
    )


TALK = transcript(segment("Good morning, everyone.", 0.5, 2.5), segment("Élodie speaks first.", 6.0, 8.0))


def texts(given: Transcript, processing: Processing = PROCESSING) -> dict[DocumentFormat, str]:
    return {name: content.decode() for name, content in render(given, JOB, DocumentFormat, processing).items()}


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


def test_json_is_read_back_as_what_was_written():
    document = JsonDocument.model_validate_json(texts(TALK)[DocumentFormat.JSON])

    assert document.schema_version == 1
    assert document.source.model_dump() == JOB.model_dump(exclude={"document_stem", "result_stem"})
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


@pytest.mark.parametrize(("task", "characters_per_line"), [("transcribe", 13), ("translate", 42)])
def test_a_translation_is_laid_out_as_english(task: str, characters_per_line: int):
    processing = PROCESSING.model_copy(update={"task": WhisperTask(task)})

    documents = texts(transcript(segment("Good morning.", 0, 2), language="ja"), processing)

    document = JsonDocument.model_validate_json(documents[DocumentFormat.JSON])
    assert document.subtitles.standard.characters_per_line == characters_per_line


def test_the_same_transcript_gives_the_same_bytes():
    assert render(TALK, JOB, DocumentFormat, PROCESSING) == render(TALK, JOB, DocumentFormat, PROCESSING)


def test_a_recording_of_no_length_has_no_real_time_factor():
    document = JsonDocument.model_validate_json(
        texts(TALK.model_copy(update={"audio_seconds": 0.0}))[DocumentFormat.JSON]
    )

    assert document.real_time_factor is None
