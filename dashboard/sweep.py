"""Remove what broken requests and killed processes left among the uploads."""

import fcntl
import logging
import os
from pathlib import Path

from dashboard.reception import PART_ENDING
from tasks.core.batches import JOB_ID
from tasks.core.keys import BatchKeys
from tasks.store import Store

logger = logging.getLogger(__name__)


def sweep_uploads(store: Store, uploads_folder: Path) -> None:
    """
    Delete half-received files, and files that no record in the store accounts for.

    Files of started batches stay: they belong to the batch run. Those of batches that the store does not know are left
    to `clean_up`, which waits for days: with the wrong store that is all of them. A file that a process is receiving is
    locked until its record is written, so it stays as well. Raises `StoreUnavailable`; what is half-received is gone by
    then.
    """
    for path in sorted(uploads_folder.glob(f"*/*{PART_ENDING}")):
        _delete_unless_locked(path)
    for path in sorted(uploads_folder.glob("*/*")):
        job = JOB_ID.fullmatch(path.name)
        if job is not None and job["batch_id"] == path.parent.name:
            _delete_unless_recorded(store, path)


def _delete_unless_recorded(store: Store, path: Path) -> None:
    keys = BatchKeys.of(path.parent.name)
    known = store.stat(keys.batch) is not None  # if not, the store may be the wrong one: `clean_up` waits and sees
    if known and store.stat(keys.manifest) is None:
        _delete_unless_locked(path, store=store, record=keys.upload(path.name))


def _delete_unless_locked(path: Path, *, store: Store | None = None, record: str = "") -> None:
    """Delete the file unless somebody receives it, or its record is in the store by now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if store is not None and store.stat(record) is not None:
            return
        path.unlink(missing_ok=True)
        logger.info("unfinished upload %s removed", path.name)
    except BlockingIOError:
        logger.info("upload %s is being received: left alone", path.name)
    finally:
        os.close(descriptor)
