"""Messages that a warm worker and its child exchange through a pipe."""

from dataclasses import dataclass
from uuid import UUID

from prefect.client.schemas.objects import FlowRun


@dataclass(frozen=True, slots=True)
class StartRun:
    """Request: execute a flow run."""

    flow_run: FlowRun
    entrypoint: str


@dataclass(frozen=True, slots=True)
class CancelRun:
    """Request: ask a flow run to stop."""

    flow_run_id: UUID


@dataclass(frozen=True, slots=True)
class LookForNewCode:
    """Request: say so if the code of this process has changed on the disk since it started."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """Request: warm up once more, which shows whether the device still works."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Request: no more runs will come; end once all logs are on their way."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Report: imports are done, runs can come."""


@dataclass(frozen=True, slots=True)
class WarmedUp:
    """Report: a warm-up is over, *well* or not; if not, ``detail`` says why."""

    well: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CodeChanged:
    """Report: a new process would run other code."""


@dataclass(frozen=True, slots=True)
class Alive:
    """Report: the loop is not stuck."""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """
    Report: the process is done with a flow run.

    ``settled`` says whether its final state has reached Prefect; if not, ``detail`` says why. ``worked`` says that this
    attempt completed it, so that the device works; ``refused`` that the flow cannot run here at all, so that
    trying again is of no use; ``device_lost`` that no run can in this process.
    """

    flow_run_id: UUID
    settled: bool = False
    worked: bool = False
    refused: bool = False
    device_lost: bool = False
    detail: str = ""


Request = StartRun | CancelRun | LookForNewCode | WarmUp | Leave
Report = Ready | WarmedUp | CodeChanged | Alive | RunEnded
