from hypothesis import given
from hypothesis import strategies as st

from tasks.documents.paragraphs import LONGEST, paragraphs
from tasks.subtitles.standards import SubtitleStandard, standard_for
from tasks.transcription.transcript import Word

ENGLISH = SubtitleStandard()
SENTENCE = "This sentence has exactly fifty characters in it."


def spoken(*sentences: str, pause: float, language: str = "en") -> list[Word]:
    """Return the sentences as words, with *pause* seconds between the sentences and none within."""
    words, clock = [], 0.0
    for sentence in sentences:
        for piece in sentence if language in ("ja", "zh") else [f" {word}" for word in sentence.split()]:
            words.append(Word(text=piece, start=clock, end=clock + 0.3, probability=1))
            clock += 0.3
        clock += pause
    return words


def test_sentences_stay_together_while_the_speaker_goes_on():
    assert paragraphs(spoken("One.", "Two.", "Three.", pause=0.5), ENGLISH) == ("One. Two. Three.",)


def test_a_long_pause_after_a_sentence_begins_a_paragraph():
    assert paragraphs(spoken("One.", "Two.", pause=2.5), ENGLISH) == ("One.", "Two.")


def test_a_pause_within_a_sentence_does_not():
    assert paragraphs(spoken("One moment", "please.", pause=2.5), ENGLISH) == ("One moment please.",)


def test_a_paragraph_of_the_usual_length_ends_at_a_short_pause():
    found = paragraphs(spoken(*[SENTENCE] * 25, pause=0.8), ENGLISH)

    assert [len(text) for text in found] == [499, 499, 249]


def test_without_pauses_a_paragraph_ends_after_a_thousand_characters():
    found = paragraphs(spoken(*[SENTENCE] * 25, pause=0.0), ENGLISH)

    assert [len(text) for text in found] == [LONGEST - 1, 249]


def test_without_punctuation_paragraphs_end_at_pauses():
    found = paragraphs(spoken(*["so many words without an end to their sentence"] * 50, pause=0.8), ENGLISH)

    assert len(found) > 1
    assert all(text.endswith("sentence") for text in found)


def test_chinese_is_written_without_spaces():
    words = spoken("你好。", "再见。", pause=0.5, language="zh")

    assert paragraphs(words, standard_for("zh")) == ("你好。再见。",)


def test_nothing_said_is_no_paragraph():
    assert paragraphs([], ENGLISH) == ()


@given(st.lists(st.tuples(st.text("ab.!, \n", max_size=8), st.floats(0, 900)), max_size=40))
def test_every_word_is_in_one_paragraph(pieces: list[tuple[str, float]]):
    words = [Word(text=f" {text}", start=start, end=start + 0.2, probability=1) for text, start in pieces]

    found = paragraphs(words, ENGLISH)

    assert " ".join(found).split() == " ".join(text for text, _ in pieces).split()
    assert not any("\n" in text or text != text.strip() for text in found)
