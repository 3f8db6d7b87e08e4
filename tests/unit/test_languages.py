"""Choosing the language of a recording."""

import pytest

from tasks.transcription.languages import LanguageVote, elect_language, spread


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
