"""What every page says in the same way: that something does not answer, what is wrong, and what to do."""

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import streamlit as st

from dashboard.client import ask
from tasks.core.errors import PrefectUnavailable, StoreUnavailable, TranscriptionError

_Parameters = ParamSpec("_Parameters")

SECONDS_BETWEEN_TRIES = 5.0
_PROBLEM = "problem-of-the-page"

logger = logging.getLogger(__name__)


@contextmanager
def problems_shown() -> Iterator[None]:
    """
    Show what went wrong in place of what it kept from being shown.

    An error of ours says what to do. Any other is a fault of the program: the page gives a reference under which the
    log has the rest.
    """
    try:
        yield
    except (PrefectUnavailable, StoreUnavailable) as error:
        st.session_state[_PROBLEM] = time.monotonic()
        st.error(f"{error} This page comes back by itself.", icon=":material/cloud_off:")
    except TranscriptionError as error:
        st.error(str(error), icon=":material/error:")
    except Exception:
        reference = secrets.token_hex(4)
        logger.exception("unexpected error %s on a page", reference)
        st.error(
            f"This should not have happened. The dashboard's log says more under the reference {reference}. "
            "Load the page again; if that does not help, report it with that part of the log.",
            icon=":material/bug_report:",
        )


def live(seconds: float) -> Callable[[Callable[_Parameters, None]], Callable[_Parameters, None]]:
    """Have a part of a page shown anew every so many seconds; what goes wrong in it is shown in its place."""

    def decorate(show: Callable[_Parameters, None]) -> Callable[_Parameters, None]:
        @wraps(show)
        def guarded(*arguments: _Parameters.args, **named: _Parameters.kwargs) -> None:
            with problems_shown():
                show(*arguments, **named)

        return st.fragment(guarded, run_every=seconds)

    return decorate


def forget_problem() -> None:
    """Begin a run of the page: nothing has gone wrong yet."""
    st.session_state.pop(_PROBLEM, None)


def come_back() -> None:
    """End a run of the page: if something did not answer, look now and then, and run the page again once all does."""
    if _PROBLEM in st.session_state:
        _try_again()


@st.fragment(run_every=SECONDS_BETWEEN_TRIES)
def _try_again() -> None:
    failed_at = st.session_state.get(_PROBLEM)
    if failed_at is None or time.monotonic() - failed_at < SECONDS_BETWEEN_TRIES / 2:
        return  # it failed in this very run of the script
    health = ask(lambda client: client.health.read())
    if health.prefect_server and health.store:
        st.rerun()
