# ruff: noqa: RUF001 - letters of all scripts
"""The words that a search compares, in all scripts, and what a user's query means."""

import pytest

from dashboard.search.passages import passages
from dashboard.search.query import MAX_CHARACTERS, Query
from dashboard.search.words import tokens
from tasks.errors import SearchInvalid


def marked(query, text):
    """Return the parts of *text* that *query* marks."""
    return [text[start:end] for start, end in Query.parse(query).marks(text)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller", "MULLER"),
        ("Straße", "strasse"),
        ("Ångström naïve", "angstrom NAIVE"),
        ("Łódź Øresund œuvre", "lodz oresund oeuvre"),
        ("İzmir ISPARTA", "izmir ısparta"),
        ("Đà Nẵng", "da nang"),
        ("τέλος", "ΤΕΛΟΣ"),
        ("ещё", "еще"),
        ("إِلَى مَكْتَبَةٌ", "الى مكتبه"),
        ("\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", "\u05e9\u05dc\u05d5\u05dd"),  # shalom, with points and without
        ("١٢٣", "123"),
        ("Ｔｅｓｔ", "test"),
        ("can\N{SOFT HYPHEN}not", "cannot"),
        ("e\N{COMBINING ACUTE ACCENT}t", "et"),
    ],
)
def test_case_accents_and_forms_of_letters_make_no_difference(one, other):
    assert [token.text for token in tokens(one)] == [token.text for token in tokens(other)]


@pytest.mark.parametrize(("one", "other"), [("か", "が"), ("บ้าน", "บาน"), ("हिन्दी", "हनद"), ("가", "나"), ("天", "夫")])
def test_marks_that_make_another_letter_count(one, other):
    assert [token.text for token in tokens(one)] != [token.text for token in tokens(other)]


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("天气", "今天天气很好，天气！", ["天气", "天气"]),
        ("東京", "きょうは東京です", ["東京"]),
        ("학교", "우리는 학교에서 배웠다", ["학교"]),
        ("ไทย", "ภาษาไทยยาก", ["ไทย"]),
        ("مكتبة", "في المكتبة مكتبةٌ كبيرة", ["مكتبةٌ"]),
        ("strasse", "In der Straße", ["Straße"]),
        ("istanbul", "İstanbul'da", ["İstanbul"]),
        ("budg", "The budget, a BUDGET: no budgets? Ungebudget.", ["budget", "BUDGET", "budgets"]),
        ('"budg"', "The budget", []),
        ('"two words"', "two words, two other words, two. Words", ["two words", "two. Words"]),
        ("don't", "Don’t say do nt", ["Don’t"]),
        ("a", "a b ab", ["a"]),
        ("very very", "very, very much", ["very", "very"]),
    ],
)
def test_what_was_looked_for_is_marked_where_it_stands(query, text, found):
    assert marked(query, text) == found


@pytest.mark.parametrize("typed", ['x OR y* NEAR( "', "tokens:x AND NOT ^y", 'a" "b', "(c) {d} + -e", "“f", "«g» h"])
def test_nothing_typed_is_read_as_the_language_of_the_index(typed):
    for term in Query.parse(typed).terms:
        assert all(token.isalnum() for token in term.tokens)


def test_a_phrase_in_any_quotation_marks_is_one_term():
    for typed in ('"the budget" rises', "“the budget” rises", "„the budget“ rises", "«the budget» rises"):
        assert Query.parse(typed).expression == '"the budget" AND "rises" *'


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "no word to look for"),
        (' "" — ?', "no word to look for"),
        ("a" * (MAX_CHARACTERS + 1), "201 characters"),
        ("a b c d e f g h i j k l m n o p q", "17 words"),
    ],
)
def test_a_search_for_nothing_or_too_much_is_refused(typed, said):
    with pytest.raises(SearchInvalid, match=said):
        Query.parse(typed)


@pytest.mark.parametrize(
    ("rows_of_terms", "found"),
    [
        ([[5], [5]], [(5, 5)]),
        ([[5, 20], [7, 17, 24]], [(5, 7)]),
        ([[10], [9, 11], [8]], [(8, 10)]),  # of two that are as near, the one before
        ([[5, 6, 7], [5, 6, 7]], [(5, 5), (6, 6), (7, 7)]),
        ([[5, 6], [4]], [(4, 5)]),  # a sentence is told once
        ([[5], []], []),
    ],
)
def test_a_passage_has_all_words_in_sentences_next_to_each_other(rows_of_terms, found):
    assert list(passages(rows_of_terms)) == found


def test_of_a_long_text_the_part_around_the_first_mark_is_shown():
    snippet = Query.parse("needle").snippet(f"{'hay ' * 200}needle {'straw ' * 200}needle")
    assert snippet.text.startswith("… hay")
    assert snippet.text.endswith("straw …")
    assert [snippet.text[start:end] for start, end in snippet.marks] == ["needle"]
    assert len(snippet.text) < 350


def test_a_short_text_is_shown_whole():
    snippet = Query.parse("hay").snippet("All of the hay.")
    assert (snippet.text, snippet.marks) == ("All of the hay.", ((11, 14),))
