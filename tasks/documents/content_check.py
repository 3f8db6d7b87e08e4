"""Checks of a corrected transcript. What the transcript held before is not questioned: users can't help it."""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterator

from tasks.documents.content import Content, CorrectedWord, Correction
from tasks.errors import CorrectionInvalid
from tasks.names import display_name, is_unicode
from tasks.transcription.transcript import Transcript

MOST_WORDS = 200_000
"""Some twenty hours of speech."""

LONGEST_WORD = 1000
MOST_SPEAKERS = 100
LONGEST_NAME = 100
LONGEST_NOTE = 1000
TOLERANCE = 0.5
"""Seconds by which words may overlap, and reach beyond the recording."""


def check_characters(correction: Correction) -> None:
    """Raise `CorrectionInvalid` if half of a character is in it: it could neither be stored nor compared."""
    for what, text in _texts(correction):
        if not is_unicode(text):
            _refuse(f"{what} holds half of a character (a lone surrogate), which no document can show. Remove it.")


def _texts(correction: Correction) -> Iterator[tuple[str, str]]:
    yield "The name of who saves it", correction.saved_by
    yield "The note", correction.note
    for speaker in correction.speakers:
        yield "The id of a speaker", speaker.id
        yield f"The name of speaker {display_name(speaker.id)}", speaker.name
    for number, paragraph in enumerate(correction.paragraphs, start=1):
        for position, word in enumerate(paragraph.words, start=1):
            place = f"Word {position} of paragraph {number}"
            yield place, word.text
            yield f"The speaker of {place.lower()}", word.speaker


def check_correction(correction: Correction, heard: Content, transcript: Transcript) -> None:
    """Raise `CorrectionInvalid` unless the correction can be a transcript of this recording."""
    _check_text("The name of who saves it", correction.saved_by, longest=LONGEST_NAME)
    if not correction.saved_by.strip():
        _refuse("Nothing says who corrected the transcript. Send a name as saved_by.")
    _check_text("The note", correction.note, longest=LONGEST_NOTE, may_hold="\n\t")
    _check_speakers(correction)
    count = sum(len(paragraph.words) for paragraph in correction.paragraphs)
    if count > MOST_WORDS:
        _refuse(f"The transcript has {count} words; {MOST_WORDS} are possible. Divide the recording.")
    known = {(word.text.strip(), word.start, word.end) for word in heard.words}
    speakers = {speaker.id for speaker in correction.speakers}
    latest = max([transcript.end_seconds, *(word.end for word in heard.words)]) + TOLERANCE
    before = transcript.offset_seconds
    for number, paragraph in enumerate(correction.paragraphs, start=1):
        for position, word in enumerate(paragraph.words, start=1):
            place = f"Word {position} of paragraph {number}, “{display_name(word.text.strip())}”,"
            if word.speaker and word.speaker not in speakers:
                _refuse(f"{place} is said by {display_name(word.speaker)}, who is not among the speakers. Add them.")
            if (word.text.strip(), word.start, word.end) not in known:
                _check_word(place, word, after=before, latest=latest)
            if word.times is not None and word.text.strip():
                before = max(before, word.times[0])


def _check_word(place: str, word: CorrectedWord, *, after: float, latest: float) -> None:
    _check_text(place.removesuffix(","), word.text, longest=LONGEST_WORD, may_hold="\n\t\r")
    if word.times is None:
        return
    start, end = word.times
    if not (math.isfinite(start) and math.isfinite(end)):
        _refuse(f"{place} has a time that is no number. Send seconds, or null for times to be found.")
    if end < start:
        _refuse(f"{place} ends at {end:g} s, before it begins at {start:g} s.")
    if start < after - TOLERANCE:
        _refuse(f"{place} begins at {start:g} s, before the word in front of it. Send the words in order of time.")
    if end > latest:
        _refuse(f"{place} ends at {end:g} s, and the recording at {latest - TOLERANCE:g} s.")


def _check_speakers(correction: Correction) -> None:
    speakers = correction.speakers
    if len(speakers) > MOST_SPEAKERS:
        _refuse(f"There are {len(speakers)} speakers; {MOST_SPEAKERS} are possible.")
    for speaker in speakers:
        if not speaker.id.strip():
            _refuse(f"The speaker {display_name(speaker.name)} has no id. Send one, such as S1.")
        _check_text("The id of a speaker", speaker.id, longest=LONGEST_NAME)
        _check_text(f"The name of speaker {display_name(speaker.id)}", speaker.name, longest=LONGEST_NAME)
    twice = [each for each, count in Counter(speaker.id for speaker in speakers).items() if count > 1]
    if twice:
        _refuse(f"Two speakers have the id {display_name(twice[0])}. Give each one of their own.")


def _check_text(what: str, text: str, *, longest: int, may_hold: str = "") -> None:
    if len(text) > longest:
        _refuse(f"{what} has {len(text)} characters; {longest} are possible.")
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in may_hold for sign in text):
        _refuse(f"{what} holds a control character, which no document can show. Remove it.")


def _refuse(why: str) -> None:
    raise CorrectionInvalid(why)
