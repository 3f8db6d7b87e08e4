import math

import pytest

from tasks.batches import Gap, GapReason, Job
from tasks.documents.content import CorrectedParagraph, CorrectedWord, Correction
from tasks.documents.content_check import check_characters
from tasks.documents.corrections import content_of, correct, words_changed
from tasks.documents.formats import render_stored
from tasks.documents.stored_transcript import StoredTranscript
from tasks.errors import CorrectionInvalid
from tasks.names import DocumentFormat
from tasks.transcription.transcript import Segment, Speaker, Word
from tests.support.transcripts import heard, sentence

JOB = Job(job_id="20260102-030405-abcdef-abcdefghij", path="a.mp3", size=1, sha256="0", document_stem="a")
TALK = heard(
    sentence("Good morning every one.", 1.0, 3.0, average_log_probability=-0.1),
    sentence("Wir beginnen.", 6.0, 7.0, language="de", average_log_probability=-0.5),
    seconds=10.0,
)
GOOD, MORNING, EVERY, ONE, WIR, BEGINNEN = content_of(TALK).words


def written(text: str, **known) -> CorrectedWord:
    """Return a word as a user writes it."""
    return CorrectedWord(text=f" {text}", **known)


def kept(word: Word, **changes) -> CorrectedWord:
    """Return a word that a user left as it was."""
    return CorrectedWord(**word.model_dump() | changes)


def paragraph(*words: CorrectedWord, is_heading: bool = False) -> CorrectedParagraph:
    return CorrectedParagraph(words=words, is_heading=is_heading)


def correction(*paragraphs: CorrectedParagraph, **details) -> Correction:
    return Correction(**{"base": 0, "saved_by": "Ada", "paragraphs": paragraphs} | details)


def corrected(base: StoredTranscript, sent: Correction) -> StoredTranscript:
    return correct(base, content_of(base), sent)


def times(*words: CorrectedWord, base=TALK):
    """Return the times of all words of a corrected transcript of one paragraph."""
    return [(word.start, word.end) for word in corrected(base, correction(paragraph(*words))).transcript.words]


def test_words_that_stay_keep_their_times_and_others_take_those_of_what_they_replace():
    assert times(kept(GOOD), kept(MORNING), written("everyone."), kept(WIR), kept(BEGINNEN)) == [
        (1.0, 1.5),
        (1.5, 2.0),
        (2.0, 3.0),
        (6.0, 6.5),
        (6.5, 7.0),
    ]


def test_words_share_the_time_of_what_they_replace_by_their_length():
    assert times(kept(GOOD), written("day"), written("t"), kept(EVERY), kept(ONE)) == [
        (1.0, 1.5),
        (1.5, 1.875),
        (1.875, 2.0),
        (2.0, 2.5),
        (2.5, 3.0),
    ]


def test_words_that_replace_others_on_both_sides_of_a_pause_leave_the_pause():
    assert times(kept(GOOD), kept(MORNING), kept(EVERY), written("ones"), written("they"), kept(BEGINNEN))[3:5] == [
        (2.5, 3.0),
        (6.0, 6.5),
    ]


def test_a_word_put_into_a_pause_takes_as_long_as_it_takes_to_say_it():
    *_, added, _, _ = times(
        kept(GOOD), kept(MORNING), kept(EVERY), kept(ONE), written("Well"), kept(WIR), kept(BEGINNEN)
    )
    assert added == (3.0, 3.28)


def test_a_word_that_opens_a_paragraph_lies_before_the_rest_of_it():
    paragraphs = paragraph(kept(GOOD), kept(ONE)), paragraph(written("Und"), kept(WIR))
    words = corrected(TALK, correction(*paragraphs)).transcript.words
    assert (words[2].start, words[2].end) == (5.79, 6.0)


def test_a_word_put_where_there_is_no_time_has_none():
    assert times(kept(GOOD), written("old"), kept(MORNING))[1] == (1.5, 1.5)


def test_a_text_without_any_times_lies_where_something_was_heard():
    first, *_, last = times(written("Everything"), written("else"))
    assert (first[0], last[1]) == (1.0, 7.0)


def test_what_is_written_where_nothing_was_heard_begins_with_the_sound():
    silent = heard(seconds=2.0)
    silent = silent.model_copy(update={"transcript": silent.transcript.model_copy(update={"offset_seconds": 0.5})})
    assert times(written("Hello"), base=silent) == [(0.5, 0.85)]
    assert times(*[written("Hello")] * 100, base=silent)[-1][1] == 2.5


def test_paragraphs_and_headings_are_those_of_the_user():
    found = corrected(
        TALK,
        correction(
            paragraph(kept(GOOD), kept(MORNING, text=" morning"), is_heading=True),
            paragraph(kept(EVERY), kept(ONE), kept(WIR)),
            paragraph(kept(BEGINNEN, text="beginnen.")),
        ),
    )
    written_as = render_stored(found, JOB, [DocumentFormat.TXT, DocumentFormat.MD])
    assert written_as[DocumentFormat.TXT].decode() == "Good morning\n\nevery one. Wir\n\nbeginnen.\n"
    assert "## Good morning\n" in written_as[DocumentFormat.MD].decode()
    assert [each.is_heading for each in content_of(found).paragraphs] == [True, False, False]


def test_a_transcript_that_is_sent_back_as_it_is_stays_as_it_is():
    glued = heard(
        Segment(start=0, end=1, text="", words=(Word(text=" well", start=0, end=1, probability=0.5),)),
        Segment(start=1, end=2, text="", words=(Word(text="-known.And", start=1, end=2, probability=0.5),)),
    )
    for base in (TALK, glued):
        content = content_of(base)
        sent = Correction.model_validate(content.model_dump() | {"base": 0, "saved_by": "Ada"})
        assert content_of(corrected(base, sent)) == content


def test_words_stay_joined_across_the_chunks_of_the_model():
    joined = corrected(TALK, correction(paragraph(kept(ONE, text=" any"), kept(WIR, text="one"))))
    assert render_stored(joined, JOB, [DocumentFormat.TXT])[DocumentFormat.TXT] == b"anyone\n"


def test_a_space_that_is_missing_between_sentences_shifts_no_paragraph():
    found = corrected(TALK, correction(paragraph(written("Good.Morning")), paragraph(kept(ONE)), paragraph(kept(WIR))))
    assert [len(each.words) for each in content_of(found).paragraphs] == [2, 1, 1]


def test_words_have_the_language_and_the_figures_of_where_they_are_heard():
    found = corrected(TALK, correction(paragraph(kept(GOOD, language=None), written("dann"), kept(BEGINNEN))))
    assert [(each.language, each.average_log_probability) for each in found.transcript.segments] == [
        ("", -0.1),
        ("de", -0.5),
    ]


def test_what_a_user_wrote_is_certain_and_what_was_restored_is_not():
    words = corrected(
        TALK, correction(paragraph(kept(GOOD), written("day"), written("sir", probability=0.4)))
    ).transcript.words
    assert [word.probability for word in words] == [0.9, 1.0, 0.4]


def test_a_turn_is_given_to_another_speaker():
    speakers = (Speaker(id="S1", name="Ada"), Speaker(id="S2"))
    found = corrected(
        TALK, correction(paragraph(kept(GOOD, speaker="S1"), kept(MORNING, speaker="S2")), speakers=speakers)
    )
    assert found.transcript.speakers == speakers
    assert [word.speaker for word in found.transcript.words] == ["S1", "S2"]


def test_speakers_that_a_user_named_stand_in_all_documents():
    words = kept(GOOD, speaker="S1"), kept(MORNING, speaker="S2"), kept(EVERY, speaker="S2")
    speakers = (Speaker(id="S1", name="Ada"), Speaker(id="S2", name="Grace"))
    found = corrected(TALK, correction(paragraph(*words), speakers=speakers))
    documents = render_stored(found, JOB, [DocumentFormat.TXT, DocumentFormat.SRT, DocumentFormat.VTT])
    assert documents[DocumentFormat.TXT].decode() == "Ada: Good\n\nGrace: morning every\n"
    assert "Ada: Good\n\n2\n" in documents[DocumentFormat.SRT].decode()
    assert "<v Grace>morning every" in documents[DocumentFormat.VTT].decode()


def test_a_heading_names_its_speaker():
    speakers = (Speaker(id="S1"), Speaker(id="S2"))
    first, second = kept(GOOD, speaker="S1"), kept(MORNING, speaker="S2")
    rest = paragraph(kept(EVERY, speaker="S2"))
    found = corrected(TALK, correction(paragraph(first), paragraph(second, is_heading=True), rest, speakers=speakers))
    written_as = render_stored(found, JOB, [DocumentFormat.MD])[DocumentFormat.MD].decode()
    assert written_as.endswith("[0:01] **Speaker 1:** Good\n\n## **Speaker 2:** morning\n\n[0:02] every\n")


def test_nothing_was_said_is_a_transcript_too():
    found = corrected(TALK, correction(paragraph(written(" "))))
    assert found.transcript.segments == found.paragraphs == ()
    assert render_stored(found, JOB, [DocumentFormat.TXT])[DocumentFormat.TXT] == b""


CHANGES = [
    ([kept(GOOD), kept(MORNING), kept(EVERY), kept(ONE), kept(WIR)], 1),  # one went
    ([kept(each) for each in (GOOD, MORNING, EVERY, ONE, WIR, BEGINNEN)], 0),
    ([kept(GOOD), kept(MORNING), written("everyone."), kept(WIR), kept(BEGINNEN)], 2),  # two became one
    ([kept(GOOD), written("and"), *map(kept, (MORNING, EVERY, ONE, WIR, BEGINNEN))], 1),
]


@pytest.mark.parametrize(("words", "count"), CHANGES)
def test_changed_words_are_counted(words, count):
    found = corrected(TALK, correction(paragraph(*words)))
    assert words_changed(content_of(TALK), content_of(found)) == count


REFUSED = [
    ([written("a", start=math.nan, end=1.0)], "Word 1 of paragraph 1, “a”, has a time that is no number"),
    ([written("a", start=math.inf, end=math.inf)], "no number"),
    ([written("a", start=2.0, end=1.0)], "ends at 1 s, before it begins at 2 s"),
    ([kept(WIR), written("a", start=2.0, end=2.1)], "Word 2 of paragraph 1, “a”, begins at 2 s, before the word"),
    ([written("a", start=-3.0, end=1.0)], "begins at -3 s"),
    ([written("a", start=1.0, end=11.0)], "ends at 11 s, and the recording at 10 s"),
    ([written("a", speaker="S7")], "is said by S7, who is not among the speakers"),
    ([written("a\0")], "control character"),
    ([written("a" * 1001)], "has 1002 characters; 1000 are possible"),
    ([written("a")] * 200_001, "has 200001 words; 200000 are possible"),
]


@pytest.mark.parametrize(("words", "why"), REFUSED)
def test_what_cannot_be_a_transcript_is_refused(words, why):
    with pytest.raises(CorrectionInvalid, match=why):
        corrected(TALK, correction(paragraph(*words)))


HALF = "\ud83d"
HALVES = [
    ({"saved_by": f"A{HALF}"}, "The name of who saves it holds half of a character"),
    ({"note": HALF}, "The note holds half"),
    ({"speakers": (Speaker(id=HALF),)}, "The id of a speaker holds half"),
    ({"speakers": (Speaker(id="S1", name=HALF),)}, "The name of speaker S1 holds half"),
    ({"paragraphs": (paragraph(kept(GOOD), written(HALF)),)}, "Word 2 of paragraph 1 holds half"),
    ({"paragraphs": (paragraph(kept(GOOD, speaker=HALF)),)}, "The speaker of word 1 of paragraph 1 holds half"),
]


@pytest.mark.parametrize(("details", "why"), HALVES)
def test_half_of_a_character_is_refused_wherever_it_is(details, why):
    with pytest.raises(CorrectionInvalid, match=why):
        check_characters(correction(**details))
    check_characters(correction(paragraph(written("\U0001f600"))))


DETAILS = [
    ({"saved_by": " "}, "Nothing says who"),
    ({"saved_by": "A\nB"}, "The name of who saves it holds a control character"),
    ({"saved_by": "A" * 101}, "101 characters; 100 are possible"),
    ({"note": "A" * 1001}, "The note has 1001 characters"),
    ({"speakers": (Speaker(id="S1"), Speaker(id="S1"))}, "Two speakers have the id S1"),
    ({"speakers": (Speaker(id=" ", name="Ada"),)}, "The speaker Ada has no id"),
    ({"speakers": (Speaker(id="S1", name="A\nB"),)}, "The name of speaker S1 holds a control character"),
    ({"speakers": tuple(Speaker(id=f"S{number}") for number in range(101))}, "There are 101 speakers"),
]


@pytest.mark.parametrize(("details", "why"), DETAILS)
def test_names_and_notes_are_looked_at(details, why):
    with pytest.raises(CorrectionInvalid, match=why):
        corrected(TALK, correction(paragraph(kept(GOOD)), **details))


def test_a_gap_that_a_user_filled_is_none_any_more():
    gaps = (
        Gap(start=3.0, end=4.0, reason=GapReason.NOT_UNDERSTOOD),
        Gap(start=4.5, end=5.5, reason=GapReason.NOT_UNDERSTOOD),
        Gap(start=3.0, end=4.0, reason=GapReason.UNREADABLE),
    )
    base = TALK.model_copy(update={"transcript": TALK.transcript.model_copy(update={"gaps": gaps})})
    words = *map(kept, (GOOD, MORNING, EVERY, ONE)), written("Welcome"), kept(WIR)
    filled = corrected(base, correction(paragraph(*words)))
    assert filled.transcript.gaps == gaps[1:]


def test_what_the_model_wrote_is_not_questioned():
    odd = heard(
        Segment(
            start=0,
            end=50,
            text="",
            words=(
                Word(text=" late\x07", start=40, end=50, probability=0.5),
                Word(text=" early", start=2, end=1, probability=0.5),
            ),
        )
    )
    content = content_of(odd)
    assert content_of(corrected(odd, correction(paragraph(*map(kept, content.words))))) == content
