"""What a person is told about a work pool that takes no jobs: what is wrong, and what to do."""

from datetime import datetime

from tasks.core.device_reports import Quarantine
from tasks.core.pools import GONE_MARK, QUARANTINE_MARK, Pool
from tasks.core.summaries import duration


def device_and_machine(description: str) -> tuple[str, str]:
    """Return what a pool's *description* says of its device and of the machine it is in, without marks."""
    plain = description.removeprefix(QUARANTINE_MARK).removeprefix(GONE_MARK)
    device, _, machine = plain.rpartition(" on ")
    return (device, machine) if device else (plain, "")


def advice(pool: Pool, quarantine: Quarantine | None, now: datetime) -> str:
    """Return what keeps jobs away from *pool* and what to do about it; empty if it takes jobs as usual."""
    _, machine = device_and_machine(pool.description)
    where = f" on {machine}" if machine else ""
    if pool.description.startswith(GONE_MARK):
        return f"Its device was not found at the last start{where}. Put it back and run make up there."
    if pool.condition == "offline":
        ours = f"make up, or make worker POOL={pool.work_pool} beside a stack"
        start = ours if pool.warm else f"prefect worker start --pool {pool.work_pool}"
        return f"Its worker does not answer. Start it{where}: {start}."
    if pool.condition == "paused" and not pool.paused:
        return "Its concurrency limit is 0. Raise it in Prefect when it should take jobs again."
    if pool.condition == "paused":
        return "Somebody paused it. Resume it in Prefect when it should take jobs again."
    if quarantine is None:
        return "Its device failed several times in a row." if pool.condition == "quarantined" else ""
    seconds = (quarantine.probe_at - now).total_seconds()
    when = f"It is tried with one job in {duration(seconds)}." if seconds > 0 else "It is being tried with one job."
    last = f", the last time: {quarantine.reason.rstrip('.')}" if quarantine.reason else ""
    return f"Its device failed {quarantine.failures} times in a row{last}. {when} Look at the GPU if that goes on."
