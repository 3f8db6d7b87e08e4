"""A job's recording on the machine that transcribes it, with the model of this process's device that hears it."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.batches import Recording
from tasks.cancellation import RunCancelled, current_token
from tasks.devices import Device
from tasks.options import TranscriptionOptions
from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.models import AUTO, model_for
from tasks.transcription.shared_parts import SharedParts, prefix_of_parts
from tasks.transcription.speech_plan import SpeechPlan
from tasks.transcription.transcribe import help_transcribe, transcribe
from tasks.transcription.transcript import Transcript


@dataclass(frozen=True, slots=True)
class LocalRecording:
    """A recording that was fetched, the plan of its speech if it has one, and what hears it here."""

    recording: Recording
    file: Path
    plan: SpeechPlan | None
    options: TranscriptionOptions
    engine: PlacedModel

    def parts(
        self, store: Store, *, from_seconds: float, owner: str, gives_way: Callable[[], bool] | None = None
    ) -> SharedParts | None:
        """Return its parts; None if it is shorter than *from_seconds*, or has no plan. See `SharedParts`."""
        if self.plan is None or self.recording.audio_seconds < from_seconds:
            return None
        prefix = prefix_of_parts(self.recording, self.engine, self.options)
        return SharedParts(store, prefix, self.plan, owner=owner, gives_way=gives_way)

    def transcribe(self, name: str, shared: SharedParts | None, *, on_progress: Callable[[float], None]) -> Transcript:
        """Return its transcript; see `tasks.transcription.transcribe`. Raises `RunCancelled` if the run is."""
        with _stopped_with_its_run() as cancelled:
            return transcribe(
                self.engine,
                self.file,
                self.options,
                name=name,
                on_progress=on_progress,
                cancelled=cancelled,
                plan=self.plan,
                initial_offset_seconds=self.recording.offset_seconds,
                unreadable=self.recording.gaps,
                channel_turns=self.recording.channel_turns,
                shared=shared,
            )

    def help_transcribe(self, name: str, shared: SharedParts, *, on_progress: Callable[[float], None]) -> None:
        """Hear parts of it; see `tasks.transcription.transcribe`. Raises `RunCancelled` if the run is."""
        with _stopped_with_its_run() as cancelled:
            help_transcribe(
                self.engine,
                self.file,
                self.options,
                name=name,
                on_progress=on_progress,
                cancelled=cancelled,
                shared=shared,
                initial_offset_seconds=self.recording.offset_seconds,
            )


def device_of(settings: Settings) -> Device:
    """Return the device of this process."""
    return settings.device or Device(name="cpu:0", kind="cpu")


def placed_model(settings: Settings, options: TranscriptionOptions) -> PlacedModel:
    """Return the model that *options* ask for on this process's device. Raises `ModelUnavailable`."""
    device = device_of(settings)
    wanted = settings.model if options.model == AUTO else options.model
    model = model_for(wanted, device_kind=device.kind, task=options.task)
    # A CPU may be slow, but does not hang.
    call_seconds = settings.model_call_seconds if device.kind == "cuda" else math.inf
    return PlacedModel(device, model, settings.models_folder, call_seconds=call_seconds)


@contextmanager
def _stopped_with_its_run() -> Iterator[Callable[[], bool]]:
    """Give what says whether the run of this context is cancelled; listening that ends by it raises `RunCancelled`."""
    token = current_token()
    try:
        yield lambda: token.cancelled
    except TranscriptionCancelled as stopped:
        raise RunCancelled from stopped
