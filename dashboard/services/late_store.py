"""A lazily opened store, so that a dashboard can be up while its store cannot be opened."""

import threading
from typing import Any, cast

from tasks.settings import Settings
from tasks.storage.base import Store
from tasks.storage.open_store import open_store


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
    """Return the store that *settings* name. Its methods raise `StoreUnavailable` as long as it cannot be opened."""
    return cast("Store", _LateStore(settings))
