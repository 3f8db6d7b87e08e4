"""Prefect's states as everything here sorts them, and the filter that finds runs in them."""

from collections.abc import Iterable

from prefect.client.schemas.filters import FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType

ENDED = (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)
FAILED = (StateType.FAILED, StateType.CRASHED)
HOLDING_A_SLOT = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
NOT_ENDED = (StateType.SCHEDULED, StateType.PAUSED, *HOLDING_A_SLOT)


def in_states(states: Iterable[StateType]) -> FlowRunFilterState:
    """Return the filter that flow runs in one of *states* pass."""
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))
