"""
The lease on an inbox: one scan at a time, on whatever host.

A lease is a numbered record that is created, so of two scans that want it one gets it. A scan that finds a lease whose
process is dead, or whose time is over, creates the next number. A holder whose number is no longer the highest has
lost it. Two scans at once would do work twice, and start nothing twice: claims and plans see to that.
"""

import os
import platform
import secrets
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from tasks.batches import StoredModel
from tasks.errors import NotFound
from tasks.ingest import clock
from tasks.ingest.records import IngestKeys
from tasks.storage.base import Store

LEASE_SECONDS = 300.0
RENEW_SECONDS = 60.0


class LeaseLost(Exception):
    """Another scan has taken over."""


class Lease(StoredModel):
    """The lease on an inbox of a process of a host, until a Unix time at most."""

    token: str
    host: str
    pid: int
    process_started: str
    expires_at: float

    @property
    def is_over(self) -> bool:
        """True if its holder is dead, as far as can be told from here, or gave no sign of life for too long."""
        if self.host == this_host() and process_start(self.pid) != self.process_started:
            return True
        return self.expires_at <= time.time()


@dataclass(slots=True)
class HeldLease:
    """The lease, held by this process."""

    store: Store
    keys: IngestKeys
    number: int
    lease: Lease
    renewed_at: float

    def renew(self) -> None:
        """Give a sign of life, if the last one was a while ago. Raises `LeaseLost`."""
        if clock.now() - self.renewed_at < RENEW_SECONDS:
            return
        latest = _latest(self.store, self.keys)
        if latest is None or latest[0] != self.number or latest[1] is None or latest[1].token != self.lease.token:
            raise LeaseLost
        self.lease = self.lease.model_copy(update={"expires_at": time.time() + LEASE_SECONDS})
        self.store.write(_key(self.keys, self.number), self.lease.model_dump_json().encode())
        self.renewed_at = clock.now()

    def release(self) -> None:
        """Give the lease back, unless another scan has it."""
        latest = _latest(self.store, self.keys)
        if latest is not None and latest[1] is not None and latest[1].token == self.lease.token:
            for key in list(self.store.list(self.keys.leases)):
                if _number(key) <= self.number:
                    self.store.delete(key)


def take_lease(store: Store, keys: IngestKeys) -> HeldLease | None:
    """Return the lease, or None if another scan holds it."""
    latest = _latest(store, keys)
    number = 1
    if latest is not None:
        number, lease = latest[0] + 1, latest[1]
        if lease is not None and not lease.is_over:
            return None
    taken = Lease(
        token=secrets.token_hex(8),
        host=this_host(),
        pid=os.getpid(),
        process_started=process_start(os.getpid()),
        expires_at=time.time() + LEASE_SECONDS,
    )
    if not store.create(_key(keys, number), taken.model_dump_json().encode()):
        return None
    return HeldLease(store, keys, number, taken, clock.now())


def this_host() -> str:
    """Return an id of this machine's current boot and the container on it: elsewhere a process id means another one."""
    return f"{clock.boot_id()} {platform.node()}"


def process_start(pid: int) -> str:
    """Return the process's start time, in the kernel's words; empty if there is no process, or it can't be told."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        if Path("/proc/self").exists():
            return ""
        return _alive(pid)
    return status.rpartition(")")[2].split()[19]


def _alive(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"


def _latest(store: Store, keys: IngestKeys) -> tuple[int, Lease | None] | None:
    """Return the highest lease with its number; the lease is None if it was given back or can't be understood."""
    number = max(map(_number, store.list(keys.leases)), default=0)
    if not number:
        return None
    try:
        return number, Lease.model_validate_json(store.read(_key(keys, number)))
    except (NotFound, ValidationError):
        return number, None


def _key(keys: IngestKeys, number: int) -> str:
    return f"{keys.leases}{number:09}.json"


def _number(key: str) -> int:
    stem = PurePosixPath(key).stem
    return int(stem) if stem.isdecimal() else 0
