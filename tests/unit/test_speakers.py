"""The speaker of each word."""

from concurrent.futures import Future

import pytest

from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.speakers import Turn, settled, turns_of_channels, with_speakers
from tasks.transcription.transcribe import told_apart
from tasks.transcription.transcript import Segment, Word


def words(text: str, *, pauses: dict[int, float] | None = None) -> list[Word]:
    """Return the words of *text*, 0.3 s each, with a pause before those whose numbers are named."""
    found, clock = [], 0.0
    for number, word in enumerate(text.split()):
        clock += (pauses or {}).get(number, 0.0)
        found.append(Word(text=f" {word}", start=clock, end=clock + 0.3, probability=1))
        clock += 0.3
    return found


def labelled(text: str, turns: list[Turn], *, offset: float = 0.0):
    spoken = [word.model_copy(update={"start": word.start + offset, "end": word.end + offset}) for word in words(text)]
    segment = Segment(start=offset, end=spoken[-1].end, text=text, words=tuple(spoken))
    return with_speakers([segment], turns, offset_seconds=offset)


@pytest.mark.parametrize("offset", [0.0, 2.5])
def test_a_word_has_the_speaker_who_is_heard_most_in_it(offset):
    segments, speakers = labelled("Who? Me. Yes.", [Turn(0, 0.35, 7), Turn(0.35, 0.9, 3)], offset=offset)
    assert [word.speaker for word in segments[0].words] == ["S1", "S2", "S2"]
    assert [speaker.id for speaker in speakers] == ["S1", "S2"]


def test_a_word_outside_all_turns_has_the_nearest_speaker():
    segments, _ = labelled("One. Two. Three. Four.", [Turn(0.35, 0.5, 0), Turn(1.3, 1.5, 1)])
    assert [word.speaker for word in segments[0].words] == ["S1", "S1", "S1", "S2"]


def test_without_turns_words_have_no_speaker():
    segments, speakers = labelled("One. Two.", [])
    assert ([word.speaker for word in segments[0].words], speakers) == (["", ""], ())


@pytest.mark.parametrize(
    ("text", "pauses", "heard", "meant"),
    [
        ("we will see you there", {}, "AABAA", "AAAAA"),  # a word in another's sentence
        ("See you. Yes. Then we go", {}, "AABAAA", "AABAAA"),  # a short answer stands apart
        ("we will see yes then go", {3: 0.5, 4: 0.5}, "AAABAA", "AAABAA"),  # by pauses as well
        ("How are you today? I am fine", {}, "AAABBBB", "AAAABBB"),  # the turn ends with the sentence
        ("How are you today? I am fine", {}, "AAAAABB", "AAAABBB"),
        ("so I said go on then", {3: 0.4}, "AAAABB", "AAABBB"),  # or with a pause
        ("so I said go on then and then stop. All right", {}, "AABBBBBBBBB", "AABBBBBBBBB"),  # too far away
        ("Yes. No. Well", {}, "ABA", "ABA"),
    ],
)
def test_turns_change_where_sentences_end(text, pauses, heard, meant):
    voices = settled(words(text, pauses=pauses), ["AB".index(voice) for voice in heard])
    assert "".join("AB"[voice] for voice in voices) == meant


def test_the_voice_goes_over_from_the_left_channel_to_the_right_and_back():
    assert list(turns_of_channels((0.0, 2.0, 5.0), 9.0)) == [Turn(0, 2, 0), Turn(2, 5, 1), Turn(5, 9, 0)]
    assert list(turns_of_channels((0.0, 0.0, 5.0), 9.0)) == [Turn(0, 5, 1), Turn(5, 9, 0)]  # the right one begins


def test_words_stay_whatever_goes_wrong_with_their_speakers():
    segment = Segment(start=0, end=1, text="Yes.", words=tuple(words("Yes.")))
    turns = Future()
    turns.set_exception(MemoryError("no room for 5 GB"))
    segments, speakers, notes = told_apart((segment,), turns, offset_seconds=0.0)
    assert (segments, speakers) == ((segment,), ())
    assert notes[0].startswith("Speakers were not told apart: unexpected error (MemoryError: no room for 5 GB).")


def test_a_cancel_while_speakers_are_told_apart_is_a_cancel():
    turns = Future()
    turns.set_exception(TranscriptionCancelled())
    with pytest.raises(TranscriptionCancelled):
        told_apart((), turns, offset_seconds=0.0)
