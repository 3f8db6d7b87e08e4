"""Transcribe a recording: speech first, then its language, then its words."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from tasks.batches import Gap
from tasks.errors import NoSpeech
from tasks.options import TranscriptionOptions
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.chinese import in_one_script
from tasks.transcription.gaps import merged, not_understood
from tasks.transcription.hearing import hear
from tasks.transcription.known_answer import check_answer
from tasks.transcription.model_manager import ENGINES, PlacedModel
from tasks.transcription.parts import AllParts
from tasks.transcription.recorded_sound import open_sound
from tasks.transcription.review import voiced_stretches, worded_stretches
from tasks.transcription.shared_parts import SharedParts
from tasks.transcription.sound import SoundSource
from tasks.transcription.speakers import SpeakersUnknown, Turn, find_turns, meanwhile, with_speakers
from tasks.transcription.speech_plan import SpeechPlan
from tasks.transcription.transcript import Segment, Speaker, Transcript
from tasks.transcription.vad import Speech, find_speech, planned_speech

logger = logging.getLogger(__name__)

NO_SPEECH = "No speech detected"


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
    shared: SharedParts | None = None,
) -> Transcript:
    """
    Return the transcript of *audio_file*, the recording of the upload *name*. Blocks until it is done.

    *on_progress* gets the share of the speech that is written down, from 0 to 1, rising. *plan* says where the speech
    is; without one, or with one of another sound, it is found first. *initial_offset_seconds* is added to all times:
    where the sound of the upload starts on its own clock. *unreadable* are the stretches of the upload that are
    damaged, on that clock, *channel_turns* those of `Recording`. Other devices may hear parts of the recording by its
    plan, which are *shared* with them. Several recordings may be transcribed at the same time, each in a thread.

    Where a voice is heard and no word is understood, the transcript has a gap. Where the speakers cannot be told apart
    although the options ask for it, it has a note.

    Raises `NoSpeech` (without loading a model), `MediaRejected`, `ModelUnavailable`, `DeviceFailed`, or
    `TranscriptionCancelled` soon after *cancelled* says so.
    """
    speech = _speech_in(open_sound(audio_file, name=name, cancelled=cancelled), plan, cancelled=cancelled)
    if not speech.spans:
        raise NoSpeech(NO_SPEECH)
    find = partial(find_turns, speech, options.speakers, engine.models_folder, channel_turns=channel_turns)
    planned = plan is not None and plan.samples == len(speech.sound)
    parts = shared if shared is not None and planned else AllParts(len(speech.chunks))
    with meanwhile(find, cancelled=cancelled) as turns, ENGINES.use(engine, cancelled=cancelled) as loaded:
        language = hear(
            loaded,
            speech,
            options,
            parts,
            offset_seconds=initial_offset_seconds,
            on_progress=on_progress,
            cancelled=cancelled,
        )
        compute_type, batch_size = loaded.backend.compute_type, loaded.engine.batch_size
    segments = tuple(segment for part in parts.texts for segment in part.segments)
    if not segments:
        raise NoSpeech(NO_SPEECH)
    gaps = not_understood(
        voiced_stretches(speech.spans, offset_seconds=initial_offset_seconds), worded_stretches(segments)
    )
    segments, speakers, notes = told_apart(segments, turns, offset_seconds=initial_offset_seconds)
    transcript = Transcript(
        segments=segments,
        language=language.language,
        language_probability=language.probability,
        model=engine.model,
        audio_seconds=speech.audio_seconds,
        offset_seconds=initial_offset_seconds,
        removed=tuple(text for part in parts.texts for text in part.removed),
        gaps=merged(gaps, unreadable),
        speakers=speakers,
        notes=notes,
        compute_type=compute_type,
        batch_size=batch_size,
    )
    return in_one_script(transcript, options.chinese_script)


def help_transcribe(
    engine: PlacedModel,
    audio_file: Path,
    options: TranscriptionOptions,
    *,
    name: str,
    on_progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    shared: SharedParts,
    initial_offset_seconds: float = 0.0,
) -> None:
    """Hear parts of a recording that `transcribe` transcribes on another device. See there, and raises as that does."""
    sound = open_sound(audio_file, name=name, cancelled=cancelled)
    if shared.plan.samples != len(sound):  # there it is found out, too
        return
    with ENGINES.use(engine, cancelled=cancelled) as loaded:
        hear(
            loaded,
            planned_speech(sound, shared.plan),
            options,
            shared,
            offset_seconds=initial_offset_seconds,
            on_progress=on_progress,
            cancelled=cancelled,
        )


def _speech_in(sound: SoundSource, plan: SpeechPlan | None, *, cancelled: Callable[[], bool]) -> Speech:
    if plan is not None and plan.samples == len(sound):
        return planned_speech(sound, plan)
    if plan is not None:
        logger.warning("The speech plan is of %d samples, the recording has %d", plan.samples, len(sound))
    return find_speech(sound[:], cancelled=cancelled)


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
