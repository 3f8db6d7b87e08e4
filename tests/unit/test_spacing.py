import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.subtitles.spacing import missing_spaces, spaced_sentences, text_length
from tasks.subtitles.tokens import timed_words
from tasks.transcription.transcript import Segment, Word


def mended(text: str) -> str:
    for position in reversed(missing_spaces(text)):
        text = f"{text[:position]} {text[position:]}"
    return text


@pytest.mark.parametrize(
    ("glued", "text"),
    [
        ("une correspondante.en écoutant", "une correspondante. en écoutant"),
        ("today?今天天氣怎麼樣?", "today? 今天天氣怎麼樣?"),
        ("It is done.The end", "It is done. The end"),
        ("It is done.I think", "It is done. I think"),
        ("C'est fini.C'est", "C'est fini. C'est"),
        ("Das war schön.So ist es", "Das war schön. So ist es"),  # .so is a domain, ".So" is none
        ("No!Yes", "No! Yes"),
        ("What?!Really", "What?! Really"),
        ('He said "no."Then', 'He said "no." Then'),
        ("Fin.«Non»", "Fin. «Non»"),
        ("¿Qué?¿Cómo?", "¿Qué? ¿Cómo?"),
        ("in 1984.Then", "in 1984. Then"),
        ("at 5 p.m.Then", "at 5 p.m. Then"),
        ("see example.com.Then", "see example.com. Then"),
        ("see example.com?Yes", "see example.com? Yes"),
        ("했다.그리고", "했다. 그리고"),
    ],
)
def test_a_space_is_put_between_sentences(glued: str, text: str):
    assert mended(glued) == text


@pytest.mark.parametrize(
    "text",
    [
        "example.com www.Example.org en.wikipedia.org",
        "https://a.b/c?d=e.F me@x.Org",
        "report.pdf Node.js os.path.join ASP.NET",
        "3.5 1.000,50 10.30 v1.2.Beta 3.x",
        "z.B. d.h. i.d.R. e.g. i.e. U.S.A Ph.D. a.m.",
        "well...maybe wait…Then",
        "今天。昨天 今天?昨天",
        "end. Then",
    ],
)
def test_signs_inside_of_what_is_one_stay(text: str):
    assert mended(text) == text


def words(*texts: str) -> list[Word]:
    return [Word(text=text, start=place, end=place + 1, probability=0.5) for place, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("given_words", "found"),
    [
        ([" la", " correspondante.en"], [(" la", 0, 1), (" correspondante.", 1, 1.889), (" en", 1.889, 2)]),
        ([" correspondante", ".en"], [(" correspondante.", 0, 1), (" en", 1.333, 2)]),  # as the model divides it
        ([" done.", "The"], [(" done.", 0, 1), (" The", 1, 2)]),
        ([" done", ".", "The"], [(" done", 0, 1), (".", 1, 2), (" The", 2, 3)]),
        ([" today?", "今", "天"], [(" today?", 0, 1), (" 今", 1, 2), ("天", 2, 3)]),
        ([" one.Two.Three"], [(" one.", 0, 0.357), (" Two.", 0.357, 0.643), (" Three", 0.643, 1)]),
    ],
)
def test_a_word_of_two_sentences_becomes_two_with_their_share_of_its_time(given_words, found):
    mended_words = spaced_sentences(words(*given_words))

    assert [(word.text, word.start, word.end) for word in mended_words] == found
    assert {word.probability for word in mended_words} == {0.5}


def test_all_documents_are_made_from_the_mended_words():
    segment = Segment(start=0, end=1, text=" done.Then", words=tuple(words(" done.Then")))

    assert [word.text for word in timed_words([segment])] == [" done.", " Then"]


@given(st.lists(st.text("aB.?! 今1'\"", max_size=6), max_size=12))
def test_nothing_but_spaces_is_added_and_none_twice(texts: list[str]):
    found = spaced_sentences(words(*texts))
    joined = "".join(word.text for word in found)

    assert "".join(joined.split()) == "".join("".join(texts).split())
    assert missing_spaces(joined) == ()
    assert all(word.start <= word.end for word in found)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", "0 words"),
        ("One two - three.", "3 words"),
        ("上个星期我们谈到了。", "9 characters"),
        ("エドワード・ジェンナー、", "10 characters"),
        ("나는 학교에 간다", "3 words"),
        ("AI技术 is 人", "2 words, 3 characters"),
    ],
)
def test_a_text_is_measured_in_words_or_in_characters_without_spaces(text, length):
    assert text_length(text) == length
