"""The context that the steps of one scan share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tasks.cancellation import current_token
from tasks.ingest.inboxes import Inbox
from tasks.ingest.index import Index
from tasks.ingest.lease import HeldLease
from tasks.ingest.records import IngestKeys
from tasks.ingest.sources import Source
from tasks.settings import Settings
from tasks.storage.base import Store

MAX_PAUSE_SECONDS = 3600.0


@dataclass(slots=True)
class ScanContext:
    """One scan of an inbox: the objects it works with, and the news it has to report."""

    settings: Settings
    store: Store
    inbox: Inbox
    source: Source
    index: Index
    lease: HeldLease
    warnings: list[str] = field(default_factory=list)
    new: int = 0
    """Files put into a batch."""
    news: int = 0
    """Other things that happened: a duplicate was found, a batch ended, a file was moved."""

    @property
    def keys(self) -> IngestKeys:
        """The inbox's keys in the store."""
        return IngestKeys(inbox=self.inbox.name)

    def go_on(self) -> None:
        """Let the scan take its next step. Raises `RunCancelled` and `LeaseLost`."""
        current_token().raise_if_cancelled()
        self.lease.renew()

    def warn(self, sentence: str) -> None:
        """Report a cause once, however many files it concerns."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def pause_after(tries: int, interval: float) -> float:
    """Return the pause in seconds before another try of something that failed *tries* times: it doubles each time."""
    return float(min(MAX_PAUSE_SECONDS, interval * 2 ** min(tries, 20)))


def counted(number: int, what: str, plural: Callable[[str], str] = lambda what: f"{what}s") -> str:
    """Return a number of things for a sentence: ``1 file``, ``2 files``."""
    return f"{number} {what if number == 1 else plural(what)}"
