"""The speakers of a transcript as documents name them, and the words with which another one begins."""

from collections.abc import Mapping
from itertools import pairwise

from tasks.subtitles.tokens import timed_words
from tasks.transcription.transcript import Transcript


def speaker_labels(transcript: Transcript) -> Mapping[str, str]:
    """Return the name of each speaker by their id: the given one, or else their number. A lone speaker has none."""
    if len(transcript.speakers) < 2:  # noqa: PLR2004 - labels tell one from another
        return {}
    return {
        speaker.id: " ".join(speaker.name.split()) or f"Speaker {number}"
        for number, speaker in enumerate(transcript.speakers, start=1)
    }


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
    """Return the seconds of the words of each speaker by their id."""
    seconds = {speaker.id: 0.0 for speaker in transcript.speakers}
    for word in transcript.words:
        if word.speaker in seconds:
            seconds[word.speaker] += max(0.0, word.end - word.start)
    return {speaker: round(spoken, 3) for speaker, spoken in seconds.items()}
