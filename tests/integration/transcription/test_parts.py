"""A recording heard in parts, on one device or several, comes out the same."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.batches import Recording
from tasks.devices import Device
from tasks.options import TranscriptionOptions
from tasks.storage.folder import FolderStore
from tasks.transcription import parts, shared_parts
from tasks.transcription.backend import TranscriptionCancelled
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.shared_parts import SharedParts, prefix_of_parts
from tasks.transcription.sound import decode
from tasks.transcription.speech_plan import SpeechPlan
from tasks.transcription.transcribe import help_transcribe, transcribe
from tasks.transcription.transcript import Transcript
from tasks.transcription.vad import plan_speech

BATCH_ID = "20261122-120000-abcdef"
JOB_ID = f"{BATCH_ID}-abcdefghij"


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of one chunk, of which a minute of sound has several."""
    for bound in ("LEAST_CHUNKS", "MOST_CHUNKS"):
        monkeypatch.setattr(parts, bound, 1)
    monkeypatch.setattr(shared_parts, "SECONDS_BETWEEN_LOOKS", 0.0)


@dataclass
class Shared:
    """A recording whose parts are shared by way of a store."""

    audio: Path
    plan: SpeechPlan
    engine: PlacedModel
    options: TranscriptionOptions
    store: FolderStore

    @property
    def prefix(self) -> str:
        digest = hashlib.sha256(self.audio.read_bytes()).hexdigest()
        recording = Recording(job_id=JOB_ID, key="a.mp3", size=1, sha256=digest, audio_seconds=1.0)
        return prefix_of_parts(recording, self.engine, self.options)

    def parts(self, gives_way: Callable[[], bool] | None = None) -> SharedParts:
        return SharedParts(self.store, self.prefix, self.plan, owner="test", gives_way=gives_way)

    def transcribe(self, shared: SharedParts | None, **more: object) -> Transcript:
        return transcribe(
            self.engine,
            self.audio,
            self.options,
            plan=self.plan,
            shared=shared,
            **_ARGUMENTS | {"cancelled": no} | more,
        )

    def help(self, shared: SharedParts, **more: object) -> None:
        help_transcribe(
            self.engine,
            self.audio,
            self.options,
            shared=shared,
            **_ARGUMENTS | {"cancelled": no} | more,
        )


_ARGUMENTS = {"name": "talk.mp3", "on_progress": lambda _: None}


def no() -> bool:
    return False


def has_words(share: float) -> bool:
    """Return whether more was told than that the model is at work."""
    return share > parts.AT_WORK_SHARE


@pytest.fixture
def shared(recording, device: Device, models_folder: Path, tmp_path: Path) -> Callable[..., Shared]:
    """Return a function that makes a recording of some clips with its plan, and a store."""

    def make(*stems: str, model: str = "tiny.en", language: str = "en") -> Shared:
        audio = recording(*stems)
        plan = plan_speech(decode(audio, name="talk", cancelled=no), cancelled=no)
        engine = PlacedModel(device, model, models_folder)
        options = TranscriptionOptions(language=language, vocabulary=("basement",))
        (tmp_path / "store").mkdir()
        return Shared(audio, plan, engine, options, FolderStore(tmp_path / "store"))

    return make


def one_and_then(take: Callable[[], int | None], then: Callable[[], object]) -> Callable[[], int | None]:
    """Return a function that takes a part, and does *then* before it takes any other."""
    taken: list[int | None] = []

    def take_next() -> int | None:
        if taken:
            then()
        taken.append(take())
        return taken[-1]

    return take_next


@pytest.mark.parametrize(
    ("model", "language", "stems"),
    [
        ("tiny.en", "en", 2 * ("garden-podcast", "library-tour", "lecture-welcome", "study-advice")),
        ("base", "auto", ("garden-podcast", "spanish-library", "rain-report")),
    ],
)
def test_a_recording_that_two_devices_share_comes_out_as_from_one(shared, model, language, stems):
    long = shared(*stems, model=model, language=language)
    count = len(long.plan.chunks)
    assert count >= 2
    alone = long.transcribe(None)
    own, helping = long.parts(), long.parts(lambda: False)
    taken, heard = threading.Event(), threading.Event()
    own.take = one_and_then(own.take, lambda: taken.wait(120))
    helping.take = one_and_then(helping.take, taken.set)
    with ThreadPoolExecutor(2) as devices:
        # The first one takes no second part, and goes on with none, before the second has taken or heard one.
        first = devices.submit(long.transcribe, own, on_progress=lambda share: has_words(share) and heard.wait(120))
        second = devices.submit(long.help, helping, on_progress=lambda share: has_words(share) and heard.set())
        together = first.result()
        second.result()
    assert together == alone
    assert helping.heard >= 1
    assert own.heard + helping.heard >= count


def test_an_attempt_goes_on_where_the_one_before_it_was_killed(shared):
    long = shared(*2 * ("garden-podcast", "library-tour", "lecture-welcome"))
    alone = long.transcribe(None)
    shares: list[float] = []
    killed = long.parts()
    with pytest.raises(TranscriptionCancelled):
        long.transcribe(killed, on_progress=shares.append, cancelled=lambda: any(map(has_words, shares)))
    again = long.parts()
    assert long.transcribe(again) == alone
    assert killed.heard >= 1
    assert again.heard == len(long.plan.chunks) - killed.heard


def test_a_text_of_another_device_that_is_damaged_is_heard_again(shared):
    long = shared(*2 * ("garden-podcast", "library-tour", "lecture-welcome"))
    alone = long.transcribe(None)
    long.help(long.parts(lambda: False))
    damaged = f"{long.prefix}0000.json"
    assert long.store.stat(damaged)
    long.store.write(damaged, b'{"segments": [{')
    own = long.parts()
    assert long.transcribe(own) == alone
    assert own.shared


def test_a_device_that_hears_other_words_shares_nothing(shared):
    long = shared("short-answer")
    prefix = long.prefix
    other_options = TranscriptionOptions(language="en", vocabulary=("attic",))
    float_device = long.engine.device.model_copy(update={"compute_type": "float32"})
    prefixes = {prefix}
    for engine, options in (
        (long.engine, other_options),
        (PlacedModel(long.engine.device, "base", long.engine.models_folder), long.options),
        (PlacedModel(float_device, "tiny.en", long.engine.models_folder), long.options),
    ):
        long.engine, long.options = engine, options
        prefixes.add(long.prefix)
    assert len(prefixes) == 4


def test_the_texts_of_other_devices_count_as_progress(shared):
    long = shared(*2 * ("garden-podcast", "library-tour", "lecture-welcome"))
    long.help(long.parts(lambda: False))
    *_, last = long.store.list(long.prefix)
    shares: list[float] = []
    long.transcribe(long.parts(), on_progress=shares.append)
    assert shares == [1.0]  # at once: there was nothing left to hear
    for key in (last, last.replace(".taken", ".json")):
        long.store.delete(key)
    shares.clear()
    long.transcribe(long.parts(), on_progress=shares.append)
    assert shares[-1] == 1.0
    assert all(share > 0.5 for share in shares)
