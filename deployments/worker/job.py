"""The warm worker type for Prefect's worker classes: its job variables and how they become a job."""

from typing import Any, Literal

from prefect.client.schemas.objects import FlowRun
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorkerResult
from pydantic import Field, PrivateAttr


class WarmJobConfiguration(BaseJobConfiguration):
    """The configuration of a run in a process that is already there: nothing but its entrypoint."""

    _entrypoint: str = PrivateAttr(default="")

    def prepare_for_flow_run(self, flow_run: FlowRun, deployment: Any = None, *more: Any, **named: Any) -> None:
        """Keep the deployment's entrypoint, so that the child need not ask for it again."""
        super().prepare_for_flow_run(flow_run, deployment, *more, **named)
        self._entrypoint = deployment.entrypoint if deployment else ""

    @property
    def entrypoint(self) -> str:
        """Module path of the flow."""
        return self._entrypoint


class WarmVariables(BaseVariables):
    """Job variables of a warm pool: none that a run could choose, since runs share a process and so its environment."""

    env: dict[str, str | None] = Field(
        default_factory=dict,
        title="Environment variables",
        description="Not used by warm pools: runs share a process. Set the worker's environment instead.",
    )
    device_kind: Literal["cuda", "cpu"] = Field(
        default="cpu",
        title="Kind of device",
        description="Its default is what the pool's worker has; dispatch knows by it which model jobs get here.",
    )
    device: str = Field(
        default="",
        title="Device",
        description="Its default is the name of the device that the pool stands for.",
    )
    machine: str = Field(
        default="",
        title="Machine",
        description="Its default is the name of the machine that the device is in.",
    )
    health: Literal["healthy", "quarantined", "probe", "gone"] = Field(
        default="healthy",
        title="Health",
        description="Its default is the health of the device: the pool's worker sets it, or the start that misses it.",
    )
    slots: int = Field(
        default=1,
        title="Slots",
        description="Its default is the concurrency limit that set-up gave the pool; a limit of your own stays.",
    )
    added: bool = Field(
        default=False,
        title="Added by make worker",
        description="Its default says that the machine's make up leaves the pool alone.",
    )


class WarmResult(BaseWorkerResult):
    """The run's state is already reported; a zero keeps the base class from reporting another."""
