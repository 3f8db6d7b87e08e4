"""Stretches with a voice and without words."""

import pytest

from tasks.batches import Gap, GapReason
from tasks.transcription.gaps import SHORT_WORD_SECONDS, Stretch, merged, not_understood, told, wordless


def stretches(*times: tuple[float, float]) -> list[Stretch]:
    return [Stretch(*each) for each in times]


@pytest.mark.parametrize(
    ("voiced", "words", "places"),
    [
        ([(0, 10)], [], [[(0, 10)]]),
        ([(0, 10)], [(0.2, 9.5)], [[(2.2, 10)]]),  # no word takes so long: the alignment has drawn it out
        ([(0, 10)], [(second, second + 0.9) for second in range(10)], []),
        ([(0, 10)], [(3, 4), (8.7, 9.5)], [[(0, 3)], [(4, 8.7)]]),  # before the first word and between two
        ([(0, 4)], [(0, 1), (1, 2.7)], []),  # the end of the last word, and air
        ([(0, 0.9), (5, 5.9)], [], []),  # a cough and another
        ([(0, 0.9), (1, 1.9), (2, 2.9)], [], [[(0, 0.9), (1, 1.9), (2, 2.9)]]),  # a count of three
        ([(0, 0.9), (1, 1.9), (2, 2.9)], [(1.1, 1.8)], []),  # a word among noises
        # Short words with a pause after each: one is left out as air at either end, and no more of them.
        ([(at, at + 0.6) for at in range(8)], [], [[(at, at + 0.6) for at in range(1, 7)]]),
        ([(0, 2), (2, 4)], [(0.1, 1.5), (2.5, 3.8)], []),  # a pause within the air of two spans
        ([(0, 3), (3.2, 3.5), (10, 12)], [(0, 1), (1, 3)], [[(10, 12)]]),
        ([(0, 3), (3.2, 3.5), (4, 6), (6.1, 6.3)], [(0, 1.2), (1.2, 3)], [[(4, 6)]]),  # without clicks at its ends
        ([(0, 4), (5, 8)], [(0, 1.6), (1.6, 3.4)], [[(5, 8)]]),  # without the air behind the last word
        ([(5, 8)], [(0, 1), (1, 2), (9, 10)], [[(5, 8)]]),
        ([], [], []),
    ],
)
def test_a_place_with_a_voice_and_no_word_is_found(voiced, words, places):
    found = wordless(stretches(*voiced), stretches(*words))

    assert [[(part.start, part.end) for part in place] for place in found] == places


def test_where_words_were_left_out_a_shorter_voice_counts():
    words = stretches((0, 0.8), (2, 2.8))
    voiced = stretches((0, 0.9), (1, 1.8), (2, 2.9))
    assert wordless(voiced, words) == ()
    assert wordless(voiced, words, least_seconds=SHORT_WORD_SECONDS) == ((Stretch(1, 1.8),),)


def test_a_place_in_the_transcript_is_one_gap():
    assert not_understood(stretches((0, 3), (3.5, 6), (30, 33)), stretches((30, 31), (31, 32.5))) == (
        Gap(start=0, end=6, reason=GapReason.NOT_UNDERSTOOD),
    )


def gaps(*times: tuple[float, float], reason: GapReason = GapReason.NOT_UNDERSTOOD) -> tuple[Gap, ...]:
    return tuple(Gap(start=start, end=end, reason=reason) for start, end in times)


@pytest.mark.parametrize(
    ("heard", "damaged", "left"),
    [
        ([(5, 9)], [(20, 21)], [(5, 9)]),
        ([(5, 9)], [(4, 10)], []),
        ([(5, 9)], [(5, 6)], [(6, 9)]),
        ([(5, 9)], [(6.5, 7)], [(5, 6.5), (7, 9)]),
        ([(5, 9)], [(5.5, 8.8)], []),  # too little is left on both sides
        ([(5, 5.8)], [(20, 21)], [(5, 5.8)]),
    ],
)
def test_what_cannot_be_read_cannot_have_been_heard(heard, damaged, left):
    unreadable = gaps(*damaged, reason=GapReason.UNREADABLE)

    both = merged(gaps(*heard), unreadable)

    assert both == tuple(sorted((*unreadable, *gaps(*left)), key=lambda gap: gap.start))


@pytest.mark.parametrize(
    ("of", "phrase"),
    [
        ((), ""),
        (gaps((14.2, 19.9)), "1 stretch not understood (0:14\N{EN DASH}0:19)"),
        (
            gaps((1, 2), reason=GapReason.UNREADABLE) + gaps((3661, 3670), (4000, 4001)),
            (
                "1 stretch unreadable (0:01\N{EN DASH}0:02), "
                "2 stretches not understood (1:01:01\N{EN DASH}1:01:10, 1:06:40\N{EN DASH}1:06:41)"
            ),
        ),
        (
            gaps(*((60 * minute, 60 * minute + 5) for minute in range(9))),
            (
                "9 stretches not understood "
                "(0:00\N{EN DASH}0:05, 1:00\N{EN DASH}1:05, 2:00\N{EN DASH}2:05, \N{HORIZONTAL ELLIPSIS})"
            ),
        ),
    ],
)
def test_gaps_are_told_with_their_places(of, phrase):
    assert told(of) == phrase
