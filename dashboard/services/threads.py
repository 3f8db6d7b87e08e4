"""Threads for blocking work, off the event loop: the routes wait for it, the pages and other uploads don't."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

STORE_THREADS = CapacityLimiter(8)
"""Apart from Streamlit's own threads, so that a slow store does not hold up pages."""

WRITE_THREADS = CapacityLimiter(8)
"""Apart from the store's, so that a slow bucket does not hold up uploads, which go to the local disk."""


async def in_thread(
    limiter: CapacityLimiter,
    work: Callable[_Parameters, _Result],
    *args: _Parameters.args,
    **kwargs: _Parameters.kwargs,
) -> _Result:
    """Run *work* in a thread of *limiter*, and return its result."""
    return await to_thread.run_sync(lambda: work(*args, **kwargs), limiter=limiter)
