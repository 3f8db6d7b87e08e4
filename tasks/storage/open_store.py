"""Open the store of an installation, a folder or a bucket."""

import threading
from pathlib import Path
from typing import Any, cast

from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.folder import open_folder


def open_store(settings: Settings) -> Store:
    """Return the store that *settings* name. A missing folder is made, a missing bucket is not."""
    if settings.store_is_bucket:
        from tasks.storage.open_bucket import open_bucket  # boto3 costs half a second

        return open_bucket(settings)
    return open_folder(Path(settings.store_address))


class _LateStore:
    """Opens the store at the first call that succeeds in doing so; until then every call raises the error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store: Store | None = None
        self._opening = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        with self._opening:
            self._store = self._store or open_store(self._settings)
        return getattr(self._store, name)


def open_late(settings: Settings) -> Store:
    """
    Return the store that *settings* name, opened when it is first used: a dashboard can be up before its store is.

    Its methods raise `StoreUnavailable` as long as it cannot be opened.
    """
    return cast("Store", _LateStore(settings))
