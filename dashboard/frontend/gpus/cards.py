"""The texts on the cards of the board: the browser only lays them out."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tasks.batches import StoredModel
from tasks.names import shown_name
from tasks.orchestration.status import PoolFailure, PoolRun, PoolStatus
from tasks.orchestration.summary import duration

GB = 1e9
UNKNOWN = "unknown"
NOT_MEASURED = "not measured yet"


class Fact(StoredModel):
    """One figure with its name; *share* makes a bar of it, from 0 to 1."""

    label: str
    value: str
    note: str = ""
    share: float | None = None


class RunLine(StoredModel):
    """A run as one line of a card."""

    name: str
    url: str
    batch_id: str
    batch: str
    state: str
    percent: int | None = None


class FailureLine(StoredModel):
    """A failure as one line of a card."""

    name: str
    url: str
    reason: str
    ago: str


class Card(StoredModel):
    """One work pool."""

    work_pool: str
    name: str
    url: str
    device: str
    status: str
    icon: str
    problem: str
    running: tuple[RunLine, ...]
    queued: tuple[RunLine, ...]
    facts: tuple[Fact, ...]
    failures: tuple[FailureLine, ...]


class Board(StoredModel):
    """The whole board: figures of all pools together, then the pools."""

    totals: tuple[Fact, ...]
    cards: tuple[Card, ...]


def board_of(pools: Sequence[PoolStatus], *, jobs_queued: int | None, now: datetime) -> Board:
    """Return the board; *jobs_queued* counts those that wait in batches as well, None if that is not known."""
    return Board(totals=_totals(pools, jobs_queued), cards=tuple(_card(pool, now) for pool in pools))


def _totals(pools: Sequence[PoolStatus], jobs_queued: int | None) -> tuple[Fact, ...]:
    usable = [pool for pool in pools if pool.condition == "online"]
    busy = sum(pool.running > 0 for pool in usable)
    ill = [device_name(pool) for pool in pools if pool.problem]
    free_in = [pool.seconds_until_free for pool in usable if pool.seconds_until_free is not None]
    measured = all(pool.speed_measured for pool in usable if pool.pending_audio_seconds)
    last = max(free_in, default=0.0) if measured else 0.0
    queued = sum(pool.queued for pool in pools) if jobs_queued is None else jobs_queued
    return (
        Fact(
            label="Busy",
            value=f"{busy} of {len(usable)}",
            note="devices that take jobs",
            share=_share(busy, len(usable)),
        ),
        Fact(label="Jobs queued", value=str(queued), note="on devices and in batches"),
        Fact(
            label="Audio waiting",
            value=duration(sum(pool.pending_audio_seconds for pool in pools)),
            note=f"dispatched; done in about {duration(last)}" if last >= 1 else "dispatched to devices",
        ),
        Fact(label="Need attention", value=str(len(ill)), note=_named(ill) if ill else "every device takes jobs"),
    )


def _named(pools: Sequence[str]) -> str:
    shown = ", ".join(pools[:3])
    return shown if len(pools) <= 3 else f"{shown} and {len(pools) - 3} more"  # noqa: PLR2004 - as many as are named


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def device_name(pool: PoolStatus) -> str:
    """Return the name of a pool for people, ``GPU 0`` or ``CPU 0``; pools of other names keep theirs."""
    kind = "GPU" if pool.device_kind == "cuda" else "CPU"
    return re.sub(r"^gpu-(\d+)$", rf"{kind} \1", pool.work_pool)


def _card(pool: PoolStatus, now: datetime) -> Card:
    status, icon = _status(pool)
    return Card(
        work_pool=pool.work_pool,
        name=device_name(pool),
        url=pool.work_pool_url,
        device=f"{pool.device} · {pool.machine}" if pool.machine else pool.device,
        status=status,
        icon=icon,
        problem=pool.problem,
        running=tuple(_run_line(run) for run in pool.runs if run.running),
        queued=tuple(_run_line(run) for run in pool.runs if not run.running),
        facts=(*_facts(pool), *_load(pool)),
        failures=tuple(_failure_line(failure, now) for failure in pool.failures),
    )


_STATUSES: Mapping[str, tuple[str, str]] = {
    "offline": ("Offline", "off"),
    "paused": ("Paused", "pause"),
    "quarantined": ("Quarantined", "warn"),
}


def _status(pool: PoolStatus) -> tuple[str, str]:
    if pool.condition in _STATUSES:
        return _STATUSES[pool.condition]
    if pool.quarantine is not None:
        return "Online, on trial", "warn"
    return ("Online, busy", "busy") if pool.running else ("Online, idle", "idle")


def _facts(pool: PoolStatus) -> tuple[Fact, ...]:
    factor = pool.real_time_factor
    free = pool.seconds_until_free
    return (
        Fact(label="Jobs at once", value=f"{pool.running} of {pool.slots}"),
        Fact(label="Audio waiting", value=duration(pool.pending_audio_seconds)),
        Fact(
            label="Free in",
            value=_free_in(free) if pool.condition == "online" and (pool.speed_measured or not free) else UNKNOWN,
        ),
        Fact(
            label="Speed",
            value=f"{1 / factor:.1f}× real time" if pool.speed_measured and factor > 0 else NOT_MEASURED,  # noqa: RUF001 - the sign is meant
        ),
    )


def _free_in(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    return "now" if seconds < 1 else f"about {duration(seconds)}"


def _load(pool: PoolStatus) -> tuple[Fact, ...]:
    load = pool.load
    if load is None:
        return ()
    used, total = load.memory_used_bytes, load.memory_total_bytes
    return (
        Fact(label="Memory", value=f"{used / GB:.1f} of {total / GB:.1f} GB", share=_share(used, total)),
        Fact(label="Utilisation", value=f"{load.utilisation:.0%}", share=load.utilisation),
    )


def _run_line(run: PoolRun) -> RunLine:
    length = duration(run.audio_seconds) if run.audio_seconds else ""
    attempt = f"attempt {run.attempt}" if run.attempt > 1 else ""
    again = run.note if not run.running and run.attempt > 1 else ""
    return RunLine(
        name=f"helps with {run.name}" if run.helps else run.name,
        url=run.flow_run_url,
        batch_id=run.batch_id,
        batch=shown_name(run.batch_name) or run.batch_id,
        state=" · ".join(filter(None, (length, attempt, again))),
        percent=math.floor(run.progress * 100) if run.running and not run.helps else None,
    )


def _failure_line(failure: PoolFailure, now: datetime) -> FailureLine:
    return FailureLine(
        name=failure.name,
        url=failure.flow_run_url,
        reason=failure.reason or "No reason was recorded.",
        ago=_ago((now - failure.ended_at).total_seconds()),
    )


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"


def as_json(board: Board) -> dict[str, Any]:
    """Return the board as the browser gets it."""
    return board.model_dump(mode="json")
