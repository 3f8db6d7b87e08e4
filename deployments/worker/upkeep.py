"""
Upkeep of a warm child, apart from its runs: warm up, free memory in a long pause, notice outdated code.

Its environment names the functions to call, so that the child need not know what its flows are about.
"""

import importlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

WARM_UP_VARIABLE = "BATCHSCRIBE_WARM_UP"
"""
Environment variable naming the warm-up of a fresh child, before its first run: ``module`` is imported,
``module:function`` is called too, to load a model for example.
"""

IDLE_VARIABLE = "BATCHSCRIBE_WARM_IDLE"
"""Environment variable naming, likewise, the action to do once in every long pause: unload a model for example."""

IDLE_SECONDS_VARIABLE = "BATCHSCRIBE_WARM_IDLE_SECONDS"
"""Environment variable with the seconds after which a pause is long; 0 or none: never."""

SLOTS_VARIABLE = "BATCHSCRIBE_WARM_SLOTS"
"""Environment variable with the number of runs that a process has at the same time."""

STARTED_AT = time.time()


def do(name: str) -> None:
    """Import ``module``, or call ``module:function``; nothing if *name* is empty."""
    module, _, function = name.partition(":")
    if not module:
        return
    imported = importlib.import_module(module)
    if function:
        getattr(imported, function)()


class IdleTime:
    """The time since the last run. It becomes long once; after that, only after another run."""

    def __init__(self, long_seconds: float) -> None:
        self._long_seconds = long_seconds
        self._began = time.monotonic()
        self._told = False

    @classmethod
    def from_environment(cls) -> Self:
        """Return one that becomes long after the time in the environment."""
        return cls(float(os.environ.get(IDLE_SECONDS_VARIABLE) or 0))

    def begin_anew(self) -> None:
        """Count from now: a run has begun or ended."""
        self._began = time.monotonic()
        self._told = False

    def has_become_long(self) -> bool:
        """Return whether it has become long since the last call."""
        if not self._long_seconds or self._told or time.monotonic() - self._began < self._long_seconds:
            return False
        self._told = True
        return True


def code_changed() -> bool:
    """
    Return whether a file that this process has imported was written or replaced since it started.

    Judged by the change time of the inode: no copying tool sets it back, unlike the modification time.
    """
    return any(_changed(file) for file in _imported_files())


def _imported_files() -> Iterator[Path]:
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")  # asked as an attribute, lazy modules would load
        if isinstance(file, str):
            yield Path(file)


def _changed(file: Path) -> bool:
    try:
        return file.stat().st_ctime > STARTED_AT
    except OSError:
        return False  # removed, or in an archive; who imported a file that is gone has changed as well
