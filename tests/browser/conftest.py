"""A real browser with the pages of the running stack, and how a person finds their way on them."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Locator, Page, Route, expect, sync_playwright

from tasks.storage.keys import BatchKeys
from tests.support.browsers import FIREFOX, choose_colors, devtools_of, launch, only_in_chromium
from tests.support.waiting import wait_until

SECONDS_FOR_A_PAGE = 60

expect.set_options(timeout=SECONDS_FOR_A_PAGE * 1000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = launch(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def _lasting_profile(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context() as context:
        yield context


@pytest.fixture
def _visit(browser: Browser, _lasting_profile: BrowserContext) -> Iterator[Callable[..., Page]]:
    """
    Opens pages in a browser that remembers nothing of other tests. A script error fails the test.

    In Chromium its profile is the same for all of them, so that Streamlit's scripts are loaded and compiled once.
    """
    profile = browser.new_context() if FIREFOX else _lasting_profile
    own, addresses, errors, requests = [], set(), [], []

    def visit(address: str, path: str, *, own_profile: bool, width: int, height: int, dark: bool) -> Page:
        if own_profile:
            own.append(browser.new_context())
        page = (own[-1] if own_profile else profile).new_page()
        page.set_default_timeout(SECONDS_FOR_A_PAGE * 1000)
        page.set_viewport_size({"width": width, "height": height})
        choose_colors(page, dark=dark)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        addresses.add(address)
        page.goto(f"{address}{path}")
        return page

    yield visit
    for context in own:
        context.close()
    if FIREFOX:
        profile.close()
    else:
        _forget(profile, addresses)
    assert errors == []
    elsewhere = [url for url in requests if not url.startswith((*addresses, "blob:", "data:"))]
    assert elsewhere == [], "a page asked somebody else"


def _forget(profile: BrowserContext, addresses: Iterable[str]) -> None:
    for page in profile.pages:
        page.close()
    page = profile.new_page()
    devtools = devtools_of(page)
    for address in addresses:
        devtools.send("Storage.clearDataForOrigin", {"origin": address, "storageTypes": "local_storage"})
    page.close()
    profile.clear_cookies()


@pytest.fixture
def open_page(_visit: Callable[..., Page], stack) -> Callable[..., Page]:
    """
    Opens pages, those of the shared stack unless another is named.

    Each after the first has a browser profile of its own, as another person's; the first only where it must.
    """
    opened: list[Page] = []

    def visit(
        path: str = "/", *, own_profile=False, width: int = 1280, height: int = 900, dark: bool = False, on=stack
    ) -> Page:
        looks = {"width": width, "height": height, "dark": dark}
        page = _visit(on.address, path, own_profile=own_profile or bool(opened), **looks)
        opened.append(page)
        page.get_by_test_id("stMain").wait_for()
        return page

    return visit


class UploadPage:
    """The upload page, used as a person does."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._devtools: CDPSession | None = None
        self.rows = page.get_by_role("list", name="Files").get_by_role("listitem")
        self.progress = page.get_by_role("progressbar", name="Overall progress")
        self.listens()

    def listens(self) -> None:
        """Wait until the page answers a click; its buttons are there a moment earlier."""
        self.page.wait_for_function(f"{UPLOAD}?.views.size")

    def choose(self, *files: Path) -> None:
        """Pick files."""
        self.listens()
        if FIREFOX:  # it opens one chooser on a page, which nothing closes
            self.page.locator("#choose-files").set_input_files(list(files))
            return
        with self.page.expect_file_chooser() as chooser:
            self.button("Choose files").click()
        chooser.value.set_files(list(files))

    def choose_folder(self, folder: Path) -> None:
        """Pick a folder."""
        only_in_chromium()
        self.listens()
        with self.page.expect_file_chooser() as chooser:
            self.button("Choose a folder").click()
        chooser.value.set_files(folder)

    def drop(self, *paths: Path) -> None:
        """Drag files and folders in from the desktop, and drop them."""
        devtools = devtools_of(self.page)
        box = self.page.get_by_text("Drop files or folders here").bounding_box()
        assert box is not None
        files = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            place = {"x": box["x"] + 5, "y": box["y"] + 5}
            devtools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": files})

    def send_at(self, bytes_per_second: float) -> None:
        """Have the network take no more than that; -1 is no limit."""
        self._devtools = self._devtools or devtools_of(self.page)  # limits end with their session
        self._devtools.send("Network.enable")
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
        self._devtools.send("Network.emulateNetworkConditions", limits)

    def hold(self, address: str) -> Callable[[], Route]:
        """Keep the next request from the server. Returns what waits for it, to be let through then."""
        held: list[Route] = []
        self.page.route(address, lambda route: route.fallback() if held else held.append(route))

        def caught() -> Route:
            self.wait_until(lambda: held)
            return held[0]

        return caught

    def wait_until(self, holds: Callable[[], object]) -> None:
        """Wait for a condition outside the page while its requests are handled."""
        wait_until(
            holds,
            "what the test waits for",
            SECONDS_FOR_A_PAGE,
            sleep=lambda _: self.page.evaluate("new Promise(requestAnimationFrame)"),
        )

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def row(self, name: str) -> Locator:
        return self.rows.filter(has_text=name)

    def names(self) -> list[str]:
        """Return the paths of the listed files."""
        self.page.wait_for_function(f"!{UPLOAD}.queue.changed.size")  # what is listed is painted with the next frame
        return [f"{row[1]}{row[0]}" for row in self.rows.evaluate_all(NAMES_OF_ROWS)]

    def has_sent(self, share: float) -> None:
        """Wait until this share of the whole is sent; 1 is all of it."""
        self.page.wait_for_function(f"{UPLOAD}.queue.sentBytes > 0 && {UPLOAD}.queue.sentBytes >= {share} * {TOTAL}")

    def waits_for_next_try(self) -> None:
        """Wait until a file waits for being sent again."""
        self.page.wait_for_function(f"{UPLOAD}.queue.count('waiting')")

    def batch_id(self) -> str:
        """Return the id of the batch that is being uploaded."""
        return str(self.page.wait_for_function(f"{UPLOAD}.batch?.batchId").json_value())

    def opened_batch(self) -> str:
        """Wait until the page of the batch is shown, and return the batch's id."""
        self.page.wait_for_url("**/batches?batch=*")
        expect(self.page.get_by_role("link", name="All batches")).to_be_visible()
        return self.page.url.rpartition("batch=")[2]


UPLOAD = "globalThis.batchscribeUpload"
TOTAL = f"{UPLOAD}.queue.totalBytes"
NAMES_OF_ROWS = "rows => rows.map(row => [...row.querySelector('.name').children].map(part => part.textContent))"


@pytest.fixture
def open_upload(_visit: Callable[..., Page], stack) -> Callable[..., UploadPage]:
    """Opens the upload page, each time in the same browser unless it is to have a profile of its own."""

    def visit(*, own_profile=False, width: int = 1280, height: int = 900, dark: bool = False) -> UploadPage:
        looks = {"width": width, "height": height, "dark": dark}
        return UploadPage(_visit(stack.address, "", own_profile=own_profile, **looks))

    return visit


@pytest.fixture
def make_files(tmp_path: Path) -> Callable[..., list[Path]]:
    """Makes files of so many bytes below a folder, by their paths."""

    def make(paths: Iterable[str], *, size: int = 1000) -> list[Path]:
        made = [tmp_path / path for path in paths]
        for path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.truncate(size)
        return made

    return make


@pytest.fixture
def damaged_batch(stack, new_batch):
    """A batch whose record nobody understands."""
    batch = new_batch(stack, "Damaged")
    record = stack.data / "store" / BatchKeys.of(batch.batch_id).batch
    record.write_text("{}")
    yield batch
    record.unlink()


@pytest.fixture
def stopped_upload(open_upload, make_files, tmp_path) -> Callable[[], tuple[UploadPage, str]]:
    """An upload of three files, of which one has arrived when it is stopped."""

    def stop() -> tuple[UploadPage, str]:
        upload = open_upload()
        upload.page.evaluate("globalThis.batchscribeUpload.parallelUploads = 1")
        make_files(["talks/a.mp3", "talks/b.mp3", "talks/c.mp3"], size=400_000)
        upload.choose_folder(tmp_path / "talks")
        under_way = upload.hold("**/api/upload?*b.mp3")
        upload.button("Upload All").click()
        expect(upload.row("a.mp3")).to_contain_text("Complete")
        batch_id = upload.batch_id()
        request = under_way()
        upload.button("Cancel").click()
        request.abort()  # else it could go on before Chromium has heard of the page's own abort
        return upload, batch_id

    return stop


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
