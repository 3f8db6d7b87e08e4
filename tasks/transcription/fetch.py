"""Fetch a recording and its speech plan from the store to the machine that transcribes it."""

import hashlib
import logging
from pathlib import Path

from pydantic import ValidationError

from tasks.batches import Recording, batch_id_of
from tasks.errors import NotFound, StoreUnavailable, UploadMissing
from tasks.storage.base import Store
from tasks.storage.expiries import read_expiry
from tasks.storage.keys import BatchKeys
from tasks.transcription.speech_plan import SpeechPlan

logger = logging.getLogger(__name__)


def fetch_recording(store: Store, recording: Recording, target: Path) -> SpeechPlan | None:
    """
    Copy the recording to *target*, and return its speech plan; None if it has none that can be used.

    Raises `UploadMissing` if it is no longer in the store, and `StoreUnavailable` also if other bytes arrive.
    """
    try:
        _fetch(store, recording, target)
        return _read_plan(store, recording)
    except NotFound as error:
        raise UploadMissing(_why_missing(store, recording.job_id)) from error


def _why_missing(store: Store, job_id: str) -> str:
    expiry = read_expiry(store, batch_id_of(job_id), job_id)
    if expiry is not None and expiry.cancelled:
        return "Its upload was removed when it was cancelled; upload it again."
    return "Its recording is no longer in the store. Retry the batch: it is converted again, or tells what is missing."


def _fetch(store: Store, recording: Recording, target: Path) -> None:
    store.fetch(recording.key, target)
    with target.open("rb") as file:
        arrived = hashlib.file_digest(file, "sha256").hexdigest()
    if arrived != recording.sha256:
        msg = f"The store returned other bytes for {recording.key} than were written to it. Check its disk or service."
        raise StoreUnavailable(msg)


def _read_plan(store: Store, recording: Recording) -> SpeechPlan | None:
    """Return the speech plan of the recording. One that is gone, damaged or of another version is found again."""
    if not recording.speech_sha256:
        return None
    key = BatchKeys.of(batch_id_of(recording.job_id)).speech_plan(recording.job_id)
    try:
        content = store.read(key)
        if hashlib.sha256(content).hexdigest() == recording.speech_sha256:
            return SpeechPlan.model_validate_json(content)
        why = "other bytes than were written"
    except (NotFound, ValidationError) as error:
        why = str(error)
    logger.warning("The speech plan %s cannot be used (%s); the speech is found again", key, why)
    return None
