"""Notices of a page on which something went wrong."""

import logging
import re

import pytest
from streamlit.testing.v1 import AppTest


def broken_page() -> None:
    """Be a script, which Streamlit runs by itself."""
    import streamlit as st

    from dashboard.pages.notices import problems_shown

    with problems_shown():
        st.progress(1 / 0)
    st.caption("the rest of the page")


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(broken_page)


def test_an_error_nobody_expected_is_a_sentence_with_a_reference_into_the_log(page, caplog):
    with caplog.at_level(logging.ERROR, logger="dashboard.pages.notices"):
        page.run()
    (problem,) = page.error
    assert problem.value.startswith("This should not have happened")
    (reference,) = re.findall("reference ([0-9a-f]{8})", problem.value)
    (record,) = caplog.records
    assert reference in record.message
    assert record.exc_info[0] is ZeroDivisionError


def test_an_error_on_one_part_of_a_page_leaves_the_rest(page):
    page.run()
    assert not page.exception
    assert [caption.value for caption in page.caption] == ["the rest of the page"]
