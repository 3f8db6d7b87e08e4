"""A look at the store: an object is written and read back, and taken away again if there was none; and at clocks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployments.doctor.findings import Finding, notice, right, wrong
from deployments.doctor.machine import look_at_data_folder, nearest
from tasks.errors import StoreUnavailable
from tasks.settings import Settings
from tasks.storage.base import CHECK_KEY, Store
from tasks.storage.open_store import open_store

NOTICED_SECONDS = 3.0
"""Times of HTTP and S3 are whole seconds; what waits for a time of another machine allows for two."""

WRONG_SECONDS = 60.0
"""From here on ages, retention and progress are visibly wrong; S3 refuses requests from 15 minutes on."""


def look_at_store(settings: Settings) -> Iterator[Finding]:
    """Say whether the store can be written and read, and how its clock goes."""
    address = settings.store_address
    if not settings.store_is_bucket and nearest(Path(address)) != Path(address):
        for finding in look_at_data_folder(Path(address), running=False):
            yield Finding("store", finding.mark, finding.text.replace("BATCHSCRIBE_DATA", "BATCHSCRIBE_STORE"))
        return
    try:
        store = open_store(settings)
        had_one = _has_check_object(store)
        before = datetime.now(UTC)
        store.check()
        after = datetime.now(UTC)
        written = store.stat(CHECK_KEY)
        if not had_one:
            store.delete(CHECK_KEY)
    except StoreUnavailable as error:
        yield wrong("store", str(error))
        return
    yield right("store", f"{address} was written and read in {(after - before).total_seconds():.2f} s")
    if written is not None:
        yield look_at_clock(ClockReading(written.modified, before, after), "The store")


def _has_check_object(store: Store) -> bool:
    """Return whether an earlier check left its object; also where it cannot be told, since the round trip tells why."""
    try:
        return store.stat(CHECK_KEY) is not None
    except StoreUnavailable:
        return True


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The time that another machine told, and ours just before and after it was asked."""

    told: datetime
    before: datetime
    after: datetime

    @property
    def ahead_seconds(self) -> float:
        """Seconds by which the other clock is ahead at least; negative if it is behind, 0 if it may be right."""
        early, late = (self.told - self.after).total_seconds(), (self.told - self.before).total_seconds() + 1.0
        return max(early, 0.0) + min(late, 0.0)


def look_at_clock(reading: ClockReading, whose: str) -> Finding:
    """Return the finding about the clock of *whose*."""
    apart = reading.ahead_seconds
    if abs(apart) < NOTICED_SECONDS:
        return right("clock", f"{whose} and this machine agree")
    told = f"{whose} is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine"
    remedy = "Have both set their clocks by NTP: timedatectl set-ntp true"
    return (wrong if abs(apart) >= WRONG_SECONDS else notice)("clock", f"{told}. {remedy}")
