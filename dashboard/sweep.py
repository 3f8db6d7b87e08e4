"""Remove what broken requests and killed processes left among the uploads."""

import logging
from collections.abc import Callable
from pathlib import Path

from tasks.core.batches import JOB_ID
from tasks.core.keys import BatchKeys
from tasks.discard import remove_unless_received
from tasks.part_file import PART_ENDING
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
        _remove(path)
    for path in sorted(uploads_folder.glob("*/*")):
        job = JOB_ID.fullmatch(path.name)
        if job is not None and job["batch_id"] == path.parent.name:
            _delete_unless_recorded(store, path)


def _delete_unless_recorded(store: Store, path: Path) -> None:
    keys = BatchKeys.of(path.parent.name)
    known = store.stat(keys.batch) is not None  # if not, the store may be the wrong one: `clean_up` waits and sees
    if known and store.stat(keys.manifest) is None:
        _remove(path, wanted=lambda: store.stat(keys.upload(path.name)) is not None)


def _remove(path: Path, *, wanted: Callable[[], bool] = lambda: False) -> None:
    if remove_unless_received(path, wanted=wanted):
        logger.info("unfinished upload %s removed", path.name)
