"""The speakers of a transcript as documents name them, and the words with which another one begins."""

import re
from collections.abc import Mapping
from itertools import pairwise

from tasks.subtitles.tokens import timed_words
from tasks.transcription.transcript import Speaker, Transcript

_NUMBERED = re.compile(r"S(?=[0-9]+$)")


def speaker_labels(transcript: Transcript) -> Mapping[str, str]:
    """Return the name of each speaker who is heard by their id. A lone speaker has none."""
    heard = heard_speakers(transcript)
    if len(heard) < 2:  # noqa: PLR2004 - labels tell one from another
        return {}
    return {speaker.id: _label_of(speaker) for speaker in heard}


def heard_speakers(transcript: Transcript) -> tuple[Speaker, ...]:
    """Return the speakers who say something, in the order in which they are first heard."""
    known = {speaker.id: speaker for speaker in transcript.speakers}
    heard = dict.fromkeys(word.speaker for word in transcript.words)
    return tuple(known[each] for each in heard if each in known)


def _label_of(speaker: Speaker) -> str:
    """
    Return the given name, or else the number in the id, as `dashboard/frontend/player/speakers.js` does.

    So it stays the same, whoever is added, merged or heard first in a correction.
    """
    return " ".join(speaker.name.split()) or _NUMBERED.sub("Speaker ", " ".join(speaker.id.split()))


def speaker_turns(transcript: Transcript) -> Mapping[int, str]:
    """Return the label of the speaker who begins, by the index of their first word; empty without labels."""
    labels = speaker_labels(transcript)
    if not labels:
        return {}
    speakers = [word.speaker for word in timed_words(transcript.segments)]
    return {
        place: labels.get(after, "")
        for place, (before, after) in enumerate(pairwise(("\0", *speakers)))
        if before != after
    }


def speaker_seconds(transcript: Transcript) -> Mapping[str, float]:
    """Return the seconds of the words of each speaker who is heard by their id."""
    seconds = {speaker.id: 0.0 for speaker in heard_speakers(transcript)}
    for word in transcript.words:
        if word.speaker in seconds:
            seconds[word.speaker] += max(0.0, word.end - word.start)
    return {speaker: round(spoken, 3) for speaker, spoken in seconds.items()}
