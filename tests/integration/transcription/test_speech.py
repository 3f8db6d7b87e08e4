"""Finding speech in long recordings."""

from itertools import pairwise

import numpy as np
import pytest
from faster_whisper import decode_audio
from faster_whisper.vad import VadOptions, collect_chunks, get_speech_timestamps

from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.sound import SAMPLE_RATE, decode
from tasks.transcription.vad import CHUNK_SECONDS, find_speech

BLOCK_SECONDS = 60


@pytest.fixture(scope="module")
def talk(clip) -> np.ndarray:
    """Five blocks of speech with pauses."""
    stems = ("garden-podcast", "lecture-subtitles", "short-answer")
    once = np.concatenate([decode(clip(stem), name=stem, cancelled=lambda: False) for stem in stems])
    return np.tile(once, 4)[: 5 * BLOCK_SECONDS * SAMPLE_RATE]


def test_the_sound_is_that_of_faster_whispers_decoder(clip):
    ours = decode(clip("garden-podcast"), name="garden-podcast", cancelled=lambda: False)

    assert np.array_equal(ours.astype(np.float32) / 32768, decode_audio(str(clip("garden-podcast"))))


def test_speech_is_packed_as_the_batched_pipeline_packs_it(clip):
    sound = decode(clip("lecture-subtitles"), name="", cancelled=lambda: False)
    theirs = decode_audio(str(clip("lecture-subtitles")))
    settings = VadOptions(max_speech_duration_s=CHUNK_SECONDS, min_silence_duration_ms=160)
    samples, places = collect_chunks(theirs, get_speech_timestamps(theirs, settings), max_duration=CHUNK_SECONDS)

    chunks = find_speech(sound, cancelled=lambda: False).chunks

    assert [(chunk.start_seconds, chunk.speech_seconds) for chunk in chunks] == [
        (place["offset"], place["duration"]) for place in places
    ]
    assert all(np.array_equal(chunk.samples, theirs) for chunk, theirs in zip(chunks, samples, strict=True))


def test_a_long_recording_is_heard_block_by_block_as_in_one_piece(talk):
    settings = VadOptions(max_speech_duration_s=CHUNK_SECONDS, min_silence_duration_ms=160)
    whole = get_speech_timestamps(talk.astype(np.float32) / 32768, settings)

    spans = find_speech(talk, cancelled=lambda: False, block_seconds=BLOCK_SECONDS).spans

    ours, theirs = np.zeros(len(talk), bool), np.zeros(len(talk), bool)
    for span in spans:
        ours[span.start : span.end] = True
    for span in whole:
        theirs[span["start"] : span["end"]] = True
    # The detector remembers what it heard, so after a cut it may move an edge by some of its 32 ms windows.
    assert np.mean(ours != theirs) < 0.001
    assert all(earlier.end <= later.start for earlier, later in pairwise(spans))


def test_speech_at_the_edges_of_a_block_is_found_once(talk):
    sound = np.zeros(2 * BLOCK_SECONDS * SAMPLE_RATE, dtype=np.int16)
    sentence = talk[SAMPLE_RATE // 2 : 10 * SAMPLE_RATE]
    for start_seconds in (0, BLOCK_SECONDS - 5):  # at the very start, and through the end of the block
        sound[start_seconds * SAMPLE_RATE :][: len(sentence)] = sentence

    speech = find_speech(sound, cancelled=lambda: False, block_seconds=BLOCK_SECONDS)

    assert all(earlier.end <= later.start for earlier, later in pairwise(speech.spans))
    alone = find_speech(sentence, cancelled=lambda: False)
    assert speech.speech_seconds == pytest.approx(2 * alone.speech_seconds, abs=1)  # the air around them differs


def test_listening_can_be_cancelled_between_blocks(talk):
    answers = iter([False, True])

    with pytest.raises(TranscriptionCancelled):
        find_speech(talk, cancelled=lambda: next(answers), block_seconds=BLOCK_SECONDS)
