"""During an outage every page says what is away and what to do, and recovers by itself."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.processes import frozen

PAGES = ("/", "/batches", "/transcript", "/gpus")
SECONDS = 90_000
"""In milliseconds, as Playwright counts."""


@pytest.fixture(scope="module")
def fragile_stack(_make_stack):
    """A stack to take parts away from."""
    stack = _make_stack("cpu")
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


def notice(page):
    return page.locator(".away-notice")


def no_traceback(page):
    expect(page.locator("body")).not_to_contain_text("Traceback")
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_while_prefect_is_away_every_page_says_so_and_then_comes_back(open_page, fragile_stack):
    pages = [open_page(address, on=fragile_stack) for address in PAGES]
    expect(pages[-1].get_by_role("heading", name="CPU 0")).to_be_visible(timeout=SECONDS)
    with frozen(fragile_stack.pids("deployments.local.prefect_server")):
        latecomer = open_page("/gpus", on=fragile_stack)
        for page in (*pages, latecomer):
            expect(notice(page)).to_contain_text(
                re.compile("The Prefect server .* (Start it|Look into)"), timeout=SECONDS
            )
            no_traceback(page)
        for page in (pages[-1], latecomer):
            in_place = page.get_by_test_id("stAlert").filter(has_text="comes back by itself")
            expect(in_place).to_be_visible(timeout=SECONDS)
    for page in (*pages, latecomer):
        expect(notice(page)).to_be_hidden(timeout=SECONDS)
    for page in (pages[-1], latecomer):
        expect(page.get_by_role("heading", name="CPU 0")).to_be_visible(timeout=SECONDS)
        expect(page.get_by_test_id("stAlert")).to_have_count(0, timeout=SECONDS)


def test_while_the_store_is_away_every_page_says_so(open_page, fragile_stack):
    store = fragile_stack.data / "store"
    pages = [open_page(address, on=fragile_stack) for address in PAGES]
    store.rename(store.with_name("store-elsewhere"))
    store.touch()  # as a disk that is not mounted: nothing can be read or written here
    try:
        for page in pages:
            expect(notice(page)).to_contain_text(re.compile("The store .* Check that"), timeout=SECONDS)
            no_traceback(page)
        expect(pages[-1].get_by_role("heading", name="CPU 0")).to_be_visible()
    finally:
        store.unlink()
        store.with_name("store-elsewhere").rename(store)
    for page in pages:
        expect(notice(page)).to_be_hidden(timeout=SECONDS)


def test_a_dashboard_that_is_away_is_told_by_the_page_itself(open_page, fragile_stack):
    page = open_page("/transcript", on=fragile_stack)
    notice(page).wait_for(state="attached")  # from now on it looks by itself
    expect(notice(page)).to_be_hidden()
    with frozen(fragile_stack.pids("-m dashboard")):
        expect(notice(page)).to_contain_text("The dashboard does not answer.", timeout=SECONDS)
    expect(notice(page)).to_be_hidden(timeout=SECONDS)
