"""
The parts of a long recording, shared by the devices that hear it.

Who takes a part says so in the store, by an object that one of them creates, and later creates the text beside it. What
a killed process took is not given back: when no part is left to take, all of them hear what others have taken and not
delivered yet, the last part first, and the first text counts. So no device waits for another one.

The job's own run needs the store for none of this: while it cannot be reached, it hears all parts itself.
"""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from importlib.metadata import version
from typing import TypeVar

from pydantic import ValidationError

from tasks.batches import Recording, StoredModel, batch_id_of
from tasks.errors import DiskFull, NotFound, StoreUnavailable
from tasks.options import TranscriptionOptions
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys
from tasks.transcription.model_manager import PlacedModel
from tasks.transcription.parts import LEAST_CHUNKS, MOST_CHUNKS, PARTS_LEFT, PartText, SettledLanguage, parts_of
from tasks.transcription.speech_plan import SpeechPlan

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 2.0
"""Time for which a look at what others have delivered is good while parts are being heard."""

_Stored = TypeVar("_Stored", bound=StoredModel)


def prefix_of_parts(recording: Recording, engine: PlacedModel, options: TranscriptionOptions) -> str:
    """Return the prefix of the parts of a recording. It differs with all that decides which words are heard."""
    decisive = {
        "recording": (recording.sha256, recording.speech_sha256, recording.offset_seconds),
        "model": (engine.model, engine.device.kind, engine.device.compute_type),
        "options": (options.task, options.language, options.vocabulary),
        "versions": [version(library) for library in ("batchscribe", "faster-whisper", "ctranslate2")],
        "parts": (LEAST_CHUNKS, MOST_CHUNKS, PARTS_LEFT),
    }
    fingerprint = hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]
    return f"{BatchKeys.of(batch_id_of(recording.job_id)).parts_of(recording.job_id)}{fingerprint}/"


def forget_parts(store: Store, batch_id: str, job_id: str) -> None:
    """Delete the parts of a job that is done; what a helping device delivers after that goes with its recording."""
    try:
        store.delete_all(BatchKeys.of(batch_id).parts_of(job_id))
    except StoreUnavailable as error:
        logger.warning("The parts of job %s stay until its recording goes: %s", job_id, error)


class SharedParts:
    """
    The parts of a long recording, as one of the devices that hear it sees them; see `Parts`.

    *owner* goes into the store with each part that is taken, for people who look there. A device that helps, and has no
    need of the others' texts, has a *gives_way*: as soon as that says so, it leaves the rest to them.
    """

    def __init__(
        self,
        store: Store,
        prefix: str,
        plan: SpeechPlan,
        *,
        owner: str,
        gives_way: Callable[[], bool] | None = None,
    ) -> None:
        self.plan = plan
        self.count = len(parts_of(len(plan.chunks)))
        self.all_taken = False
        self.shared = False
        """True once the text of a part was had from another."""
        self._store = store
        self._prefix = prefix
        self._owner = owner
        self._helps = gives_way is not None
        self._gives_way = gives_way or (lambda: False)
        self._texts: dict[int, PartText] = {}
        self._taken_here: set[int] = set()
        self._taken: AbstractSet[int] = frozenset()
        self._delivered: AbstractSet[int] = frozenset()
        self._unreadable: set[int] = set()
        self._away = False
        self._looked_at = -SECONDS_BETWEEN_LOOKS

    @property
    def texts(self) -> tuple[PartText, ...]:
        """The texts of all parts, in order, once all were heard."""
        return tuple(self._texts[index] for index in range(self.count))

    @property
    def heard(self) -> int:
        """Number of the parts that were heard here."""
        return len(self._taken_here & self._texts.keys())

    def is_begun(self) -> bool:
        """Return whether a device has taken a part before: a helping one finds out that they hear the same words."""
        self._look()
        return bool(self._taken)

    def settled_language(self) -> SettledLanguage | None:
        """Return the language that another device has heard; see `Parts`."""
        return self._read(f"{self._prefix}language.json", SettledLanguage)

    def settle_language(self, language: SettledLanguage) -> None:
        """Tell the others the language; see `Parts`."""
        self._create(f"{self._prefix}language.json", language)

    def take(self) -> int | None:
        """Take the first part that no device has taken; see `Parts`."""
        while not self._gives_way():
            away = not self._look()
            index = next((one for one in range(self.count) if not self._is_taken(one)), None)
            if index is None or (away and self._helps):
                break
            if away or self._claim(index):
                self._taken_here.add(index)
                return index
        self.all_taken = True
        return None

    def deliver(self, index: int, text: PartText) -> None:
        """Keep the text of a part, and tell the others; see `Parts`."""
        self._texts[index] = text
        self._create(self._prefix + self._name(index, "json"), text)

    def delivered_elsewhere(self) -> AbstractSet[int]:
        """Return the parts that others have delivered, as of two seconds ago; see `Parts`."""
        if time.monotonic() - self._looked_at >= SECONDS_BETWEEN_LOOKS:
            self._look()
        return self._delivered - self._texts.keys() - self._unreadable

    def left_over(self) -> Iterator[int]:
        """Yield what others have not delivered yet, the last part first; see `Parts`."""
        while not self._gives_way():
            away = not self._look()
            if away and self._helps:
                return
            missing = [index for index in range(self.count) if index not in self._texts and not self._is_there(index)]
            if not missing:
                return
            yield missing[-1]

    def _is_there(self, index: int) -> bool:
        """Return whether the text of a part was delivered by another; the job's own run reads it."""
        if index not in self._delivered:
            return False
        if self._helps:
            return True
        text = self._read(self._prefix + self._name(index, "json"), PartText)
        if text is None:
            self._unreadable.add(index)
            return False
        self._texts[index] = text
        self.shared = True
        return True

    def _is_taken(self, index: int) -> bool:
        return index in self._taken or index in self._delivered or index in self._taken_here or index in self._texts

    def _look(self) -> bool:
        """Look at what is taken and delivered, and return whether the store could be asked."""
        self._looked_at = time.monotonic()
        try:
            names = {key.removeprefix(self._prefix) for key in self._store.list(self._prefix)}
        except StoreUnavailable as error:
            if not self._away:
                logger.warning("Parts of the recording cannot be shared for now: %s", error)
            self._away = True
            return False
        self._away = False
        self._taken = {index for index in range(self.count) if self._name(index, "taken") in names}
        self._delivered = {index for index in range(self.count) if self._name(index, "json") in names}
        return True

    def _claim(self, index: int) -> bool:
        """Return whether this device was the first to take a part; one that cannot say so takes it all the same."""
        try:
            return self._store.create(self._prefix + self._name(index, "taken"), self._owner.encode())
        except (StoreUnavailable, DiskFull) as error:
            logger.warning("Part %d of the recording may be heard twice: %s", index, error)
            return True

    def _create(self, key: str, record: StoredModel) -> None:
        try:
            self._store.create(key, record.model_dump_json().encode())
        except (StoreUnavailable, DiskFull) as error:
            logger.warning("%s is not shared: %s", key, error)

    def _read(self, key: str, record: type[_Stored]) -> _Stored | None:
        """Return a record; None if it is not there, damaged or cannot be had now: it is made here then."""
        try:
            return record.model_validate_json(self._store.read(key))
        except (NotFound, StoreUnavailable, ValidationError) as error:
            logger.debug("%s cannot be used: %s", key, error)
            return None

    @staticmethod
    def _name(index: int, ending: str) -> str:
        return f"{index:04}.{ending}"
