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


LECTURE = "talks/week 1/lecture-subtitles.opus"
PODCAST = "garden-podcast.mp3"


@pytest.fixture(scope="session")
def read_batch(stack, new_batch, clips):
    """A batch whose transcripts can be read."""
    batch = new_batch(stack, "Interviews *2026* [draft]")
    for path in (LECTURE, PODCAST):
        batch.upload(path, clips[path.rpartition("/")[2]].path.read_bytes())
    batch.start()
    assert batch.finished()["state"] == "completed"
    return batch


@pytest.fixture
def open_transcript(open_page, stack, read_batch) -> Callable[..., Page]:
    """Opens the transcript of a job; *document* changes what the API answers about it."""

    def visit(path: str = LECTURE, *, document: dict | None = None, silent: bool = False, **looks: object) -> Page:
        address = f"/transcript?job={read_batch.job_ids[path]}"
        if document is None and not silent:
            page = open_page(address, **looks)
        else:
            page = open_page("/gpus", **looks)
            if document is not None:
                page.route("**/documents/json", lambda route: route.fulfill(json=document))
            if silent:
                page.route("**/audio*", lambda route: route.fulfill(status=404, json={"detail": "It was removed."}))
            page.goto(f"{stack.address}{address}")
        page.locator(".player[data-state=ready]").wait_for()
        return page

    return visit
