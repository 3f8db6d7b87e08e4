"""Transcribe a recording: speech first, then its language, then its words."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tasks.batches import Gap
from tasks.errors import NoSpeech
from tasks.options import TranscriptionOptions
from tasks.transcription.backend import Chunk, ChunkText, Decoding, Floats, TranscriptionCancelled
from tasks.transcription.chinese import in_one_script
from tasks.transcription.gaps import merged, not_understood
from tasks.transcription.known_answer import check_answer
from tasks.transcription.languages import LanguageVote, elect_language
from tasks.transcription.model_manager import ENGINES, LoadedModel, PlacedModel
from tasks.transcription.review import Reviewed, Reviewer, voiced_stretches, worded_stretches
from tasks.transcription.sound import Sound, decode
from tasks.transcription.speakers import SpeakersUnknown, Turn, find_turns, meanwhile, with_speakers
from tasks.transcription.speech_plan import SpeechPlan
from tasks.transcription.transcript import Segment, Speaker, Transcript
from tasks.transcription.vad import Speech, SpokenChunk, find_speech, planned_speech
from tasks.transcription.whisper import WhisperBackend
from tasks.transcription.word_times import SegmentWriter

logger = logging.getLogger(__name__)

AUTO = "auto"
NO_SPEECH = "No speech detected"


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """The decoding options of a recording, and the encodings made to find them, by the index of their chunk."""

    decoding: Decoding
    probability: float = 1.0
    encoded: dict[int, Floats] = field(default_factory=dict)


def load_engine(engine: PlacedModel) -> None:
    """
    Load the model, unless it is there already, and have it hear the known clip, which also loads a GPU's libraries.

    This may take a while: the model may have to be downloaded, and where jobs use another model on the device, they
    end first. Raises `ModelUnavailable`, or `DeviceFailed` if it does not hear what is said.
    """
    with ENGINES.use(engine) as loaded:
        seconds = check_answer(loaded)
    logger.info("%s on %s passed the known-answer test in %.2f s", engine.model, engine.device.name, seconds)


def unload_idle() -> None:
    """Free the memory of all models that no job uses; the next job loads its model again."""
    ENGINES.unload_idle()


def transcribe(
    engine: PlacedModel,
    audio_file: Path,
    options: TranscriptionOptions,
    *,
    name: str,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    plan: SpeechPlan | None = None,
    initial_offset_seconds: float = 0.0,
    unreadable: Sequence[Gap] = (),
    channel_turns: Sequence[float] = (),
) -> Transcript:
    """
    Return the transcript of *audio_file*, the recording of the upload *name*. Blocks until it is done.

    *on_progress* gets the share of the speech that is written down, from 0 to 1, rising. *plan* says where the speech
    is; without one, or with one of another sound, it is found first. *initial_offset_seconds* is added to all times:
    where the sound of the upload starts on its own clock. *unreadable* are the stretches of the upload that are
    damaged, on that clock, *channel_turns* those of `Recording`. Several recordings may be transcribed at the same
    time, each in a thread.

    Where a voice is heard and no word is understood, the transcript has a gap. Where the speakers cannot be told apart
    although the options ask for it, it has a note.

    Raises `NoSpeech` (without loading a model), `MediaRejected`, `ModelUnavailable`, `DeviceFailed`, or
    `TranscriptionCancelled` soon after *cancelled* says so.
    """
    speech = _speech_in(decode(audio_file, name=name, cancelled=cancelled), plan, cancelled=cancelled)
    if not speech.spans:
        raise NoSpeech(NO_SPEECH)
    find = partial(find_turns, speech, options.speakers, engine.models_folder, channel_turns=channel_turns)
    with meanwhile(find, cancelled=cancelled) as turns, ENGINES.use(engine, cancelled=cancelled) as loaded:
        heard = _listen_for_language(loaded, speech, options, cancelled)
        reviewer = Reviewer(
            _RecordingListener(loaded, cancelled),
            SegmentWriter(speech, offset_seconds=initial_offset_seconds),
            speech_seconds=speech.speech_seconds,
            offset_seconds=initial_offset_seconds,
        )
        reviewed = tuple(_written(loaded, speech, heard, reviewer, on_progress=on_progress, cancelled=cancelled))
        compute_type, batch_size = loaded.backend.compute_type, loaded.engine.batch_size
    segments = tuple(segment for part in reviewed for segment in part.segments)
    if not segments:
        raise NoSpeech(NO_SPEECH)
    gaps = not_understood(
        voiced_stretches(speech.spans, offset_seconds=initial_offset_seconds), worded_stretches(segments)
    )
    segments, speakers, notes = told_apart(segments, turns, offset_seconds=initial_offset_seconds)
    transcript = Transcript(
        segments=segments,
        language=heard.decoding.language,
        language_probability=heard.probability,
        model=engine.model,
        audio_seconds=speech.audio_seconds,
        offset_seconds=initial_offset_seconds,
        removed=tuple(text for part in reviewed for text in part.removed),
        gaps=merged(gaps, unreadable),
        speakers=speakers,
        notes=notes,
        compute_type=compute_type,
        batch_size=batch_size,
    )
    return in_one_script(transcript, options.chinese_script)


def _speech_in(sound: Sound, plan: SpeechPlan | None, *, cancelled: Callable[[], bool]) -> Speech:
    if plan is not None and plan.samples == len(sound):
        return planned_speech(sound, plan)
    if plan is not None:
        logger.warning("The speech plan is of %d samples, the recording has %d", plan.samples, len(sound))
    return find_speech(sound, cancelled=cancelled)


def told_apart(
    segments: tuple[Segment, ...], turns: "Future[tuple[Turn, ...]]", *, offset_seconds: float
) -> tuple[tuple[Segment, ...], tuple[Speaker, ...], tuple[str, ...]]:
    """
    Return the segments with their speakers, the speakers, and the notes on what could not be done.

    Whatever went wrong with the *turns*, the words are there and stay.
    """
    try:
        labelled, speakers = with_speakers(segments, turns.result(), offset_seconds=offset_seconds)
    except TranscriptionCancelled:
        raise
    except SpeakersUnknown as unknown:
        return segments, (), (str(unknown),)
    except Exception as error:
        logger.exception("Speakers were not told apart")
        note = f"Speakers were not told apart: unexpected error ({type(error).__name__}: {error}). Upload it once more."
        return segments, (), (note,)
    return labelled, speakers, ()


@dataclass(frozen=True, slots=True)
class _RecordingListener:
    """The model, for the second tries of one recording; see `Listener`."""

    loaded: LoadedModel
    cancelled: Callable[[], bool]

    def hear(self, pieces: Iterable[tuple[SpokenChunk, Decoding]]) -> list[tuple[Chunk, ChunkText]]:
        backend = self.loaded.backend
        chunks = (backend.chunk(spoken, decoding) for spoken, decoding in pieces)
        return list(self.loaded.engine.texts(chunks, cancelled=self.cancelled))

    def language_of(self, piece: SpokenChunk) -> LanguageVote:
        return self.loaded.engine.ask(partial(self.loaded.backend.language_of, piece), cancelled=self.cancelled)


def _written(
    loaded: LoadedModel,
    speech: Speech,
    heard: _Heard,
    reviewer: Reviewer,
    *,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> Iterator[Reviewed]:
    """Yield each chunk's part of the transcript, and report the progress."""
    done_seconds = 0.0
    with closing(loaded.engine.texts(_chunks(loaded.backend, speech, heard), cancelled=cancelled)) as texts:
        for spoken, (chunk, text) in zip(speech.chunks, texts, strict=True):
            yield reviewer.review(spoken, chunk, text)
            done_seconds += chunk.speech_seconds
            on_progress(min(done_seconds / speech.speech_seconds, 1.0))


def _listen_for_language(
    loaded: LoadedModel, speech: Speech, options: TranscriptionOptions, cancelled: Callable[[], bool]
) -> _Heard:
    """Return the decoding of *speech*: in the language of the options, or in the one that several places vote for."""
    backend = loaded.backend
    if options.language != AUTO or not backend.multilingual:
        return _Heard(backend.decoding(options.language, options.task, options.vocabulary))
    votes: list[LanguageVote] = []
    encoded: dict[int, Floats] = {}
    for index in speech.language_windows:
        vote, encoded[index] = loaded.engine.ask(
            partial(backend.detect_language, speech.chunks[index]), cancelled=cancelled
        )
        votes.append(vote)
    language, probability = elect_language(votes)
    decoding = backend.decoding(language, options.task, options.vocabulary, any_language=True)
    return _Heard(decoding, probability, encoded)


def _chunks(backend: WhisperBackend, speech: Speech, heard: _Heard) -> Iterator[Chunk]:
    for index, spoken in enumerate(speech.chunks):
        yield backend.chunk(spoken, heard.decoding, encoded=heard.encoded.pop(index, None))
