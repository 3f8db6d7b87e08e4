"""A look at Prefect's server: whether it answers, its version and clock, and what batches need in it."""

import asyncio
import email.utils
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import prefect
from packaging.version import Version
from prefect.client.base import ServerType
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import ObjectNotFound

from deployments.doctor.findings import Finding, Findings, notice, right, wrong
from deployments.doctor.store import ClockReading, look_at_clock
from deployments.local.devices import DeviceUnavailable, find_devices, machine_name
from deployments.worker.waiting import NoAnswer, wait_for_server
from tasks.batches import BATCH_DEPLOYMENT, BATCH_POOL
from tasks.devices import DeviceReport
from tasks.orchestration.notices import Installation, installation_problems, pool_advice, quarantine_of
from tasks.orchestration.pool_model import Pool
from tasks.orchestration.shared_parts import read_installation, read_reports
from tasks.settings import Settings


class Server:
    """Prefect's server as the settings name it; what it told is kept, since several looks need it."""

    def __init__(self, settings: Settings, worker: str) -> None:
        self.settings = settings
        self.worker = worker
        self.address = settings.prefect_api_url
        self.version = ""
        self.clock: ClockReading | None = None
        self.installation: Installation | None = None
        self.reports: dict[str, DeviceReport] = {}
        self.without_deployment: list[str] = []

    def reach(self) -> str:
        """Ask it everything at once; return the problem if it does not answer."""
        try:
            asyncio.run(self._read())
        except NoAnswer as error:
            return str(error)
        except httpx.HTTPError as error:
            return f"The Prefect server at {self.address} answered, and then failed: {error}. Look into its log."
        return ""

    def has_worker(self, pool: str) -> bool:
        """Return whether *pool* has a worker that answers; after `reach`."""
        pools = self.installation.gpu_pools if self.installation else ()
        return any(one.work_pool == pool and one.online for one in pools)

    async def _read(self) -> None:
        await wait_for_server(warn=lambda _: None, seconds=0)
        async with get_client() as client:
            before = datetime.now(UTC)
            answer = await client.request("GET", "/health")
            told = answer.headers.get("date")
            if told:
                self.clock = ClockReading(email.utils.parsedate_to_datetime(told), before, datetime.now(UTC))
            if client.server_type is not ServerType.CLOUD:
                self.version = await client.api_version()
            self.installation, self.reports = await asyncio.gather(read_installation(client), read_reports(client))
            if not await _has_deployment(client, BATCH_DEPLOYMENT):
                self.without_deployment.append(BATCH_DEPLOYMENT)


async def _has_deployment(client: PrefectClient, name: str) -> bool:
    try:
        await client.read_deployment_by_name(name)
    except ObjectNotFound:
        return False
    return True


def look_at_server(server: Server, reached: Callable[[], str]) -> Findings:
    """Yield what `Server.reach`, whose result is *reached*, has found."""
    if problem := reached():
        yield wrong("Prefect", problem)
        return
    yield _version(server)
    if server.clock is not None:
        yield look_at_clock(server.clock, "Prefect's server")
    if server.installation is not None:
        yield from _look_at_pools(server, server.installation)


def _version(server: Server) -> Finding:
    ours, theirs = prefect.__version__, server.version
    if not theirs:
        return right("Prefect", f"{server.address} answers")
    told = f"{server.address} has Prefect {theirs}, this machine {ours}"
    if Version(theirs).release[0] != Version(ours).release[0]:
        return wrong("Prefect", f"{told}. Bring the server to {ours}.")
    if Version(theirs) < Version(ours):
        return notice("Prefect", f"{told}: it was made for that or a newer one. Bring the server to {ours}.")
    return right("Prefect", told)


def _look_at_pools(server: Server, found: Installation) -> Iterator[Finding]:
    now = datetime.now(UTC)
    advice = {
        pool.work_pool: pool_advice(pool, quarantine_of(pool, server.reports.get(pool.work_pool)), now)
        for pool in found.gpu_pools
    }
    problems = installation_problems(found, advice)
    yield from (wrong("batches", problem) for problem in problems)
    for deployment in server.without_deployment:
        yield wrong("batches", f"Prefect has no deployment {deployment}, so no batch begins. Make it: make deploy")
    if not problems and not server.without_deployment:
        yield right("batches", f"The work pool {BATCH_POOL} has its deployment and a worker, the dispatch its limit")
    for pool in found.gpu_pools:
        yield _look_at_pool(pool, advice[pool.work_pool], of_this_machine=pool.machine == machine_name())
    yield from _without_pool(server, {pool.work_pool for pool in found.gpu_pools})


def _look_at_pool(pool: Pool, advice: str, *, of_this_machine: bool) -> Finding:
    """Return the finding about one pool: wrong only if it is this machine's, or its device is."""
    where = f" on {pool.machine}" if pool.machine else ""
    if not advice:
        return right(pool.work_pool, f"{pool.device or 'Its device'}{where} takes jobs, {pool.slots} at a time")
    is_fault = pool.condition == "quarantined" or (pool.condition == "offline" and of_this_machine)
    return (wrong if is_fault else notice)(pool.work_pool, f"{pool.condition}: {advice}")


def _without_pool(server: Server, known: set[str]) -> Iterator[Finding]:
    """Say which devices of this machine have no pool with a deployment, so that they get no jobs."""
    if server.worker:
        if server.worker not in known:
            yield right(server.worker, "It has no work pool yet; make worker makes it")
        return
    try:
        names = [device.name for device in find_devices(server.settings)]
    except DeviceUnavailable:
        return  # told of already
    for name in names:
        if name not in known:
            yield wrong(name, "It has no work pool with a deployment, so it gets no jobs. Make them: make up")
