"""What every page says in the same way: that something does not answer, what is wrong, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from tasks.core.errors import TranscriptionError


@contextmanager
def problems_shown() -> Iterator[None]:
    """Show an error of ours in place of what it kept from being shown; its message says what to do."""
    try:
        yield
    except TranscriptionError as error:
        st.error(str(error), icon=":material/error:")
