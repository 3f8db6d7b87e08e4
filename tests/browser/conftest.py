"""A real Chromium with the pages of the running stack, and how a person finds their way on them."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS_FOR_A_PAGE = 30

expect.set_options(timeout=SECONDS_FOR_A_PAGE * 1000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "The tests of the pages need Chromium: make chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, stack) -> Iterator[Callable[..., Page]]:
    """Opens pages of the shared stack, each with a browser profile of its own. A script error fails the test."""
    contexts, errors, requests = [], [], []

    def visit(address: str = "/", *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS_FOR_A_PAGE * 1000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{stack.address}{address}")
        page.get_by_test_id("stMain").wait_for()
        return page

    yield visit
    for context in contexts:
        context.close()
    assert errors == []
    elsewhere = [url for url in requests if not url.startswith((stack.address, "blob:", "data:"))]
    assert elsewhere == [], "a page asked somebody else"
