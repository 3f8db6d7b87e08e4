"""The inbox page before there is an inbox."""

import pytest
from streamlit.testing.v1 import AppTest


def inbox_page() -> None:
    """Be a script, which Streamlit runs by itself."""
    from dashboard.pages import inbox

    inbox.show()


@pytest.fixture
def page(monkeypatch) -> AppTest:
    monkeypatch.setattr("dashboard.pages.inbox.ask", lambda _question: ())
    return AppTest.from_function(inbox_page)


def test_without_an_inbox_it_says_how_to_make_one(page):
    page.run()
    assert not page.exception
    (how_to,) = page.info
    assert "inboxes.toml" in how_to.value
    (example,) = page.code
    assert example.value.startswith("[inboxes.")
