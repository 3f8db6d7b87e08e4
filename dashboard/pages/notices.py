"""Notices common to all pages: an error or a service that does not answer, and what to do."""

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.client import ask
from dashboard.pages.markdown import plain
from tasks.errors import PrefectUnavailable, StoreUnavailable, TranscriptionError

_Parameters = ParamSpec("_Parameters")

SECONDS_BETWEEN_TRIES = 5.0
_PROBLEM = "something did not answer"

logger = logging.getLogger(__name__)


def _say_here(problem: str) -> None:
    st.error(plain(problem), icon=":material/error:")


class Location:
    """The place where a part of a page shows its problem, which is remembered from one run of the part to the next."""

    def __init__(self, element: DeltaGenerator, key: str) -> None:
        self._element = element
        self._key = key

    def say(self, problem: str) -> None:
        """Show the problem."""
        st.session_state[self._key] = problem
        with self._element:
            _say_here(problem)

    def say_again(self) -> None:
        """Show the problem of the run before, if there was one."""
        if self._key in st.session_state:
            self.say(st.session_state[self._key])

    def clear(self) -> None:
        """Show nothing: all is well again."""
        if st.session_state.pop(self._key, None) is not None:
            self._element.empty()


@contextmanager
def problems_shown(say: Callable[[str], None] = _say_here) -> Iterator[None]:
    """
    Show an error in place of the content that it kept from being shown.

    An error of ours says what to do. Any other is a fault of the program: the page gives a reference under which the
    log has the rest.
    """
    try:
        yield
    except TranscriptionError as error:
        away = isinstance(error, PrefectUnavailable | StoreUnavailable)
        if away:
            st.session_state[_PROBLEM] = time.monotonic()
        say(f"{error} This page comes back by itself." if away else str(error))
    except Exception:
        reference = secrets.token_hex(4)
        logger.exception("unexpected error %s on a page", reference)
        say(
            f"This should not have happened. The dashboard's log says more under the reference {reference}. "
            "Load the page again; if that does not help, report it with that part of the log."
        )


def live(seconds: float) -> Callable[[Callable[_Parameters, None]], Callable[_Parameters, None]]:
    """
    Decorate a part of a page to be run again every so many seconds; an error in it is shown in its place.

    A problem stays readable while the part is tried again, which can take as long as something does not answer.
    """

    def decorate(show: Callable[_Parameters, None]) -> Callable[_Parameters, None]:
        @wraps(show)
        def guarded(*arguments: _Parameters.args, **named: _Parameters.kwargs) -> None:
            place = Location(st.empty(), f"problem of {show.__qualname__}")
            place.say_again()
            with problems_shown(place.say):
                show(*arguments, **named)
                place.clear()

        return st.fragment(guarded, run_every=seconds)

    return decorate


def forget_problem() -> None:
    """Begin a run of the page: nothing has gone wrong yet."""
    st.session_state.pop(_PROBLEM, None)


def come_back() -> None:
    """End a run of the page: if something did not answer, check at intervals, and run it again once all does."""
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
