"""The browser that the pages are tried in: Chromium, or with ``TEST_BROWSER=firefox`` the system's Firefox."""

import os
import shutil

import pytest
from playwright.sync_api import Browser, CDPSession, Page, Playwright

FIREFOX = os.environ.get("TEST_BROWSER") == "firefox"
NAMES = ("firefox-esr", "firefox") if FIREFOX else ("chromium-headless-shell", "chromium", "google-chrome")

CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


PREFERENCES = {
    "media.autoplay.default": 0,  # sound plays also before a person has done anything that Firefox counts
    "browser.download.alwaysOpenPanel": False,  # it takes the keys
}
"""Of Firefox."""


def launch(playwright: Playwright) -> Browser:
    """Start the browser, as the system has it; Playwright downloads none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    assert path, f"None of {', '.join(NAMES)} is on the PATH: make {'firefox' if FIREFOX else 'chromium'}"
    if FIREFOX:
        return playwright.firefox.launch(channel="moz-firefox", executable_path=path, firefox_user_prefs=PREFERENCES)
    return playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)


def only_in_chromium() -> None:
    """Skip the test in another browser, which cannot be made to do what follows."""
    if FIREFOX:
        pytest.skip("only Chromium can be made to do that")


def devtools_of(page: Page) -> CDPSession:
    """Return Chromium's own tools for a page."""
    only_in_chromium()
    return page.context.new_cdp_session(page)


def choose_colors(page: Page, *, dark: bool) -> None:
    """Have the page be told that a person likes it dark, or light."""
    if dark:
        only_in_chromium()
    if not FIREFOX:
        page.emulate_media(color_scheme="dark" if dark else "light")
