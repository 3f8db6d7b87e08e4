"""Choosing the language of a recording and of its passages."""

import pytest

from tasks.transcription.languages import (
    SURE,
    LanguageVote,
    elect_language,
    is_mixed,
    language_of_passage,
    languages_of_passages,
    spread,
)


@pytest.mark.parametrize(
    ("count", "at_most", "places"),
    [
        (0, 5, ()),
        (1, 5, (0,)),
        (5, 5, (0, 1, 2, 3, 4)),
        (10, 5, (1, 3, 5, 7, 9)),
        (100, 5, (10, 30, 50, 70, 90)),
        (6, 5, (0, 1, 3, 4, 5)),  # too few to leave out both edges
    ],
)
def test_places_are_spread_evenly(count, at_most, places):
    assert spread(count, at_most=at_most) == places


def test_an_introduction_in_another_language_is_outvoted():
    votes = [LanguageVote(30, {"en": 0.9}), LanguageVote(30, {"de": 0.8}), LanguageVote(30, {"de": 0.7, "nl": 0.2})]

    language, probability = elect_language(votes)

    assert language == "de"
    assert probability == pytest.approx(0.5)


def test_a_second_of_speech_counts_less_than_half_a_minute():
    assert elect_language([LanguageVote(1, {"nn": 0.9}), LanguageVote(30, {"en": 0.4})])[0] == "en"


def test_one_sure_vote_outweighs_two_doubtful_ones():
    doubtful = LanguageVote(30, {"cy": 0.3, "en": 0.25})

    assert elect_language([doubtful, doubtful, LanguageVote(30, {"en": 0.95})])[0] == "en"


def test_equal_languages_go_to_the_first_by_code():
    assert elect_language([LanguageVote(30, {"sv": 0.5, "da": 0.5})])[0] == "da"


def test_without_a_vote_there_is_no_language():
    with pytest.raises(ValueError, match="no speech"):
        elect_language([])


@pytest.mark.parametrize(
    ("seconds", "probabilities", "language"),
    [
        (28, {"de": 0.999, "en": 0.001}, "de"),
        (2.5, {"fr": 0.996, "en": 0.001}, "fr"),
        (2.5, {"de": 0.9, "en": 0.01}, "en"),  # less than a sentence: not sure enough
        (8, {"de": 0.9, "en": 0.01}, "de"),
        (8, {"de": 0.9, "en": 0.08}, "en"),  # an accent
        (8, {"cy": 0.5, "en": 0.05}, "en"),  # a guess
        (0.8, {"ja": 0.99, "en": 0.0}, "en"),  # a word
        (8, {"en": 0.9}, "en"),
        (8, {}, "en"),
    ],
)
def test_a_passage_leaves_the_usual_language_only_for_one_that_is_clearly_spoken(seconds, probabilities, language):
    assert language_of_passage(LanguageVote(seconds, probabilities), "en") == language


def test_a_language_is_not_left_for_one_that_whisper_takes_it_for():
    assert language_of_passage(LanguageVote(20, {"nn": 0.95, "no": 0.01}), "no") == "no"


def test_where_several_languages_are_known_to_be_spoken_less_is_enough():
    assert language_of_passage(LanguageVote(2.5, {"de": 0.9, "en": 0.01}), "en", sure=SURE) == "de"


@pytest.mark.parametrize(
    ("doubtful", "languages"),
    [
        ({"es": 0.88, "en": 0.065}, ["en", "es", "es"]),  # a greeting before the language changes
        ({"es": 0.3, "en": 0.6}, ["en", "en", "es"]),
        ({"gl": 0.5, "pt": 0.2, "en": 0.2}, ["en", "en", "es"]),  # neither of the two
    ],
)
def test_a_doubtful_passage_belongs_to_the_more_probable_of_its_neighbours(doubtful, languages):
    votes = [LanguageVote(5, {"en": 0.99}), LanguageVote(1.4, doubtful), LanguageVote(5, {"es": 0.98})]

    assert languages_of_passages(votes, "en") == languages


def test_a_doubtful_passage_before_the_first_change_may_leave_the_usual_language():
    votes = [LanguageVote(1.4, {"es": 0.7, "en": 0.2}), LanguageVote(5, {"es": 0.98, "en": 0.01})]

    assert languages_of_passages(votes, "en") == ["es", "es"]


@pytest.mark.parametrize(
    ("probabilities", "mixed"),
    [
        ({"en": 0.5, "de": 0.495}, True),
        ({"de": 0.94, "en": 0.051}, True),  # 10 s of one, 14 s of the other
        ({"en": 0.694, "de": 0.196, "fr": 0.084}, True),
        ({"en": 0.99, "la": 0.002}, False),
        ({"en": 0.75, "hi": 0.031, "pt": 0.028}, False),  # a sentence many times over
        ({"en": 0.69, "nn": 0.059, "cy": 0.034}, False),  # babble: a little of everything
        ({"no": 0.6, "nn": 0.35}, False),  # two names of one language
        ({}, False),
    ],
)
def test_several_languages_in_one_chunk_share_its_vote(probabilities, mixed):
    assert is_mixed(LanguageVote(28, probabilities)) is mixed
