"""
Notices of what keeps batches from going on and what to do, one sentence each: on a batch's page, in its status, and
in health.

Each sentence names one thing that users can change; the first thing that stops a batch comes first.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.batches import GPU_TAG, RECORDING_FLOW, ROUTER_LIMIT, Stage
from tasks.devices import DeviceReport, Quarantine
from tasks.orchestration.pool_model import Pool, PoolHealth
from tasks.orchestration.status import BatchState, BatchStatus
from tasks.orchestration.summary import duration

BEFORE_DEVICE = (Stage.UPLOADED, Stage.CONVERTING, Stage.QUEUED)
ON_DEVICE = (Stage.TRANSCRIBING, Stage.STORING)
ADVICE_FOR_POOLS = 2
"""If there are more pools, only their conditions are told; the page Devices has the rest."""


@dataclass(frozen=True, slots=True)
class BatchPool:
    """The work pool of the batch runs; *slots* is None where they are not limited."""

    work_pool: str
    exists: bool = True
    online: bool = True
    paused: bool = False
    slots: int | None = None


@dataclass(frozen=True, slots=True)
class RouterLimit:
    """The concurrency limit that one batch at a time holds while it gives out jobs."""

    limit: int = 1
    active: bool = True


@dataclass(frozen=True, slots=True)
class Installation:
    """The parts of the installation that batches share; *router* is None as long as no batch has made it."""

    batch_pool: BatchPool
    gpu_pools: tuple[Pool, ...]
    router: RouterLimit | None = None
    running_batches: int = 0


Advice = Mapping[str, str]
"""For each pool that takes no jobs, by name: what keeps them away, and what to do about it."""


def batch_notice(status: BatchStatus, installation: Installation, advice: Advice, *, outage: str = "") -> str:
    """
    Return the reason why the batch does not go on and what to do; empty as long as it does.

    *outage* is what its run waits for, as the run itself last told.
    """
    if status.state.ended or status.state in (BatchState.UPLOADING, BatchState.CANCELLING):
        return ""
    if status.state is BatchState.WAITING:
        return batch_pool_problem(installation.batch_pool) or _all_taken(installation)
    waiting = any(job.stage in BEFORE_DEVICE for job in status.jobs)
    offline = {pool.work_pool for pool in installation.gpu_pools if not pool.online}
    stranded = any(job.stage in ON_DEVICE and job.work_pool in offline for job in status.jobs)
    problems = [
        _left_alone(installation.batch_pool) if status.ended_at is None else "",
        f"The batch waits, and looks again by itself: {outage}" if outage else "",
    ]
    if waiting or stranded:
        problems += [
            router_problem(installation.router.limit) if installation.router and installation.router.active else "",
            gpu_problem(installation.gpu_pools, advice),
        ]
    return next(filter(None, problems), "")


def installation_problems(installation: Installation, advice: Advice) -> list[str]:
    """Return all that keeps batches from going on, whichever they are."""
    router = installation.router
    problems = [
        batch_pool_problem(installation.batch_pool),
        gpu_problem(installation.gpu_pools, advice),
        (router_problem(router.limit) if router.active else router_inactive()) if router else "",
    ]
    return list(filter(None, problems))


def batch_pool_problem(pool: BatchPool) -> str:
    """Return the reason why no batch begins, or an empty sentence."""
    name = pool.work_pool
    if not pool.exists:
        return f"Prefect has no work pool {name}, so no batch begins. Make it: make up"
    if pool.paused:
        return f"The work pool {name} is paused, so no batch begins. Resume it in Prefect."
    if pool.slots == 0:
        return f"The concurrency limit of the work pool {name} is 0, so no batch begins. Raise it in Prefect."
    if not pool.online:
        return f"The work pool {name} has no worker that answers, so no batch begins. Start it: make up"
    return ""


def _left_alone(pool: BatchPool) -> str:
    """Return the notice for a batch that is under way while its worker is away."""
    if pool.exists and pool.online:
        return ""
    return f"The work pool {pool.work_pool} has no worker that answers, so the batch stands still. Start it: make up"


def _all_taken(installation: Installation) -> str:
    slots = installation.batch_pool.slots
    if slots is None or installation.running_batches < slots:
        return ""
    return (
        f"{installation.running_batches} batches run, as many as may at a time. This one begins when one of them ends, "
        "or with a greater BATCHSCRIBE_OPEN_BATCHES."
    )


def router_problem(limit: int) -> str:
    """Return the problem with the router's limit, or an empty sentence."""
    if limit > 0:
        return ""
    return f"The concurrency limit {ROUTER_LIMIT} is {limit}, so no job gets a device. Set it to 1 in Prefect."


def router_inactive() -> str:
    """Return the notice of a router limit that is switched off."""
    return (
        f"The concurrency limit {ROUTER_LIMIT} is switched off, so two batches may choose the same place on a GPU. "
        "Switch it on in Prefect."
    )


def gpu_problem(pools: Sequence[Pool], advice: Advice) -> str:
    """Return the reason why no GPU work pool takes jobs and what to do, or an empty sentence if one does."""
    if not pools:
        return (
            f"No work pool transcribes: none has a deployment of {RECORDING_FLOW} that is tagged {GPU_TAG}. Make one: "
            "make up, or make worker POOL=gpu-0"
        )
    if any(pool.usable for pool in pools):
        return ""
    if len(pools) <= ADVICE_FOR_POOLS:
        told = " ".join(f"{pool.work_pool} is {pool.condition}: {advice[pool.work_pool]}" for pool in pools)
        return f"No device takes jobs. {told}"
    first = pools[0].work_pool
    return f"No device takes jobs: {_counted(pools)}. {first}: {advice[first]} The page Devices tells of all."


def _counted(pools: Iterable[Pool]) -> str:
    counts = Counter(pool.condition for pool in pools)
    return ", ".join(f"{count} {condition}" for condition, count in counts.most_common())


def quarantine_of(pool: Pool, report: DeviceReport | None) -> Quarantine | None:
    """Return the quarantine that the pool's worker reports; None if it is well, or its report is of no account."""
    return report.quarantine if report is not None and pool.online and not pool.paused else None


def pool_advice(pool: Pool, quarantine: Quarantine | None, now: datetime) -> str:
    """Return why *pool* gets no jobs and what to do about it; empty if it takes jobs as usual."""
    where = f" on {pool.machine}" if pool.machine else ""
    if pool.health is PoolHealth.GONE:
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
    once = quarantine.failures == 1
    told = ": " if once else ", the last time: "
    last = f"{told}{quarantine.reason.rstrip('.')}" if quarantine.reason else ""
    often = "" if once else f" {quarantine.failures} times in a row"
    return f"Its device failed{often}{last}. {when} Look at the GPU if that goes on."
