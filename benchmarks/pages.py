"""
Benchmark of the pages: uploads of 2 GB, clicks meanwhile, and a batch of 1,000 jobs that a user looks at.

The real stack with simulated devices, in a folder of its own, and a real Chromium. Linux only::

    python benchmarks/pages.py [--gigabytes 2] [--jobs 1000] [--json FILE]

*copy / route*: the time plain copies of the file take, synced to the same disk, over the time of ``POST /api/upload``
(curl); each goes first as often as the other, since disks slow down under load. *click*: from a click on another page's
name until that page's content is there, three uploads under way. *memory*: the most that the dashboard had resident,
beyond what it had before. *renders*: from a click on the batch in the list until its jobs are painted. *viewer*: the
dashboard's share of a core while one browser looks at the batch.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

from measures import Measure, arguments_of, conclude
from playwright.async_api import Browser, Page, async_playwright
from processes import cpu_seconds, memory_mb
from real_stack import RealStack, running_stack
from simulated_batch import fill

ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
CHROMIUMS = ("chromium-headless-shell", "chromium", "google-chrome")
PIECE_BYTES = 2**24
ROUNDS = 3
CLICKS = 40
VIEWER_SECONDS = 30
PATIENCE_MS = 120_000
SENT = "() => globalThis.batchscribeUpload.queue.sentBytes > 0"


def make_file(path: Path, size: int) -> Path:
    """Make a file that no file system can shrink."""
    with path.open("wb") as file:
        for start in range(0, size, PIECE_BYTES):
            file.write(os.urandom(min(PIECE_BYTES, size - start)))
    return path


def copy_seconds(source: Path, folder: Path) -> float:
    """Return how long a copy of the file takes until it is on the disk."""
    began = time.monotonic()
    target = folder / "copy"
    with target.open("wb") as file:
        subprocess.run(["cat", source], stdout=file, check=True)
        os.fsync(file.fileno())
    took = time.monotonic() - began
    target.unlink()
    return took


async def route_seconds(stack: RealStack, source: Path) -> float:
    """Return how long the upload route takes for the file, sent by curl."""
    batch_id = (await stack.api.post("/batch", json={"name": "route"})).json()["batch_id"]
    address = f"{stack.api.base_url}upload?batch_id={batch_id}&path=route.mp3"
    sending = ("curl", "-sS", "--fail-with-body", "-o", "/dev/null", "-X", "POST", "-T", str(source), address)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(*sending)
    if await process.wait() != 0:
        msg = "The upload with curl failed. See what it said above."
        raise RuntimeError(msg)
    took = time.monotonic() - began
    (await stack.api.delete(f"/batch/{batch_id}")).raise_for_status()
    return took


async def copied_and_received(stack: RealStack, file: Path, folder: Path) -> tuple[list[float], list[float]]:
    """Return how long copies of the file took, and the upload route."""
    copied, received = [], []
    for number in range(2 * ROUNDS):
        if number % 2:
            copied.append(await asyncio.to_thread(copy_seconds, file, folder))
        received.append(await route_seconds(stack, file))
        if not number % 2:
            copied.append(await asyncio.to_thread(copy_seconds, file, folder))
        print(f"copy {copied[-1]:.2f} s, route {received[-1]:.2f} s")
    return copied, received


async def most_memory_during(pid: int, work: Awaitable[None]) -> float:
    """Return the most memory, in MB beyond what it had, that a process has resident until *work* is done."""
    before = most = memory_mb(pid)
    task = asyncio.ensure_future(work)
    while not task.done():
        most = max(most, memory_mb(pid))
        await asyncio.wait([task], timeout=0.1)
    await task
    return most - before


async def send(page: Page, *files: Path) -> None:
    """Choose files on the upload page and send them."""
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Choose files").click()
    await (await chooser.value).set_files(list(files))
    await page.get_by_role("button", name="Upload all").click()


async def upload_from_browser(page: Page, stack: RealStack, file: Path) -> None:
    """Upload the file as a user does, up to the page of the batch that follows."""
    await page.goto(f"http://127.0.0.1:{stack.settings.port}/")
    await send(page, file)
    await page.wait_for_url("**/batches?batch=*", timeout=10 * PATIENCE_MS)


async def clicks_during_uploads(uploader: Page, other: Page, stack: RealStack, files: list[Path]) -> list[float]:
    """Return how long each click on another page took while the files were being uploaded."""
    address = f"http://127.0.0.1:{stack.settings.port}"
    await uploader.goto(address)
    await other.goto(f"{address}/gpus")
    await other.get_by_role("heading", name="Devices").wait_for()
    await send(uploader, *files)
    await uploader.wait_for_function(SENT)
    took: list[float] = []
    while len(took) < CLICKS and "batch=" not in uploader.url:
        name = ("Batches", "Devices")[len(took) % 2]
        began = time.monotonic()
        await other.get_by_role("link", name=name, exact=True).first.click()
        await other.get_by_role("heading", name=name, exact=True).wait_for()
        took.append(time.monotonic() - began)
        await asyncio.sleep(0.2)
    await uploader.wait_for_url("**/batches?batch=*", timeout=10 * PATIENCE_MS)
    return took


async def look_at_batch(page: Page, stack: RealStack, jobs: int) -> tuple[float, float]:
    """Start a batch of *jobs*; return how long it takes to be shown, and the share of a core that showing it takes."""
    from tasks.storage.open_store import open_store

    batch_id = (await stack.api.post("/batch", json={"name": "looked at"})).json()["batch_id"]
    await asyncio.to_thread(fill, open_store(stack.settings), batch_id, jobs=jobs, device_seconds=0.5)
    (await stack.api.post(f"/batch/{batch_id}/start")).raise_for_status()
    row = page.get_by_role("table", name="Jobs").get_by_role("row").nth(min(100, jobs))
    took = []
    for _ in range(ROUNDS):
        await page.goto(f"http://127.0.0.1:{stack.settings.port}/batches")
        link = page.get_by_role("link", name="looked at")
        await link.wait_for()
        began = time.monotonic()
        await link.click()
        await row.wait_for()
        took.append(time.monotonic() - began)
    await asyncio.sleep(5)
    before, began = cpu_seconds(stack.dashboard), time.monotonic()
    await asyncio.sleep(VIEWER_SECONDS)
    share = (cpu_seconds(stack.dashboard) - before) / (time.monotonic() - began)
    (await stack.api.post(f"/batch/{batch_id}/cancel")).raise_for_status()
    return statistics.median(took), share


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Yield a Chromium."""
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def two_pages() -> AsyncIterator[tuple[Page, Page]]:
    """Yield two pages of one Chromium."""
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        yield await context.new_page(), await context.new_page()


async def measure_all(folder: Path, size: int, jobs: int) -> dict[str, Measure]:
    """Return all measures, one after the other."""
    data = folder / "data"
    data.mkdir()
    small, file = make_file(folder / "small.mp3", 2**20), make_file(folder / "one.mp3", size)
    parts = [make_file(folder / f"part {number}.mp3", size // 3) for number in range(3)]
    async with running_stack(data, devices=2) as stack, two_pages() as (page, other):
        copied, received = await copied_and_received(stack, file, data)
        await upload_from_browser(page, stack, small)  # whatever the pages import is there from now on
        growth = await most_memory_during(stack.dashboard, upload_from_browser(page, stack, file))
        clicks = sorted(await clicks_during_uploads(page, other, stack, parts))
        print(f"{len(clicks)} clicks: median {statistics.median(clicks):.2f} s, slowest {clicks[-1]:.2f} s")
        await page.close()
        renders, viewer = await look_at_batch(other, stack, jobs)
    return {
        "upload, copy / route": Measure(sum(copied) / sum(received), 0.6, at_least=True),
        "upload from the browser, memory, MB": Measure(growth, 30.0),
        "click during three uploads, 95 of 100 within, s": Measure(clicks[int(0.95 * (len(clicks) - 1))], 0.5),
        f"batch of {jobs:,} jobs renders, s": Measure(renders, 2.0),
        f"viewer of {jobs:,} jobs, share of a core": Measure(viewer, 0.1),
    }


def main() -> None:
    """Measure, print, write the file if asked to; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of the upload")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs of the batch that is looked at")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        measures = asyncio.run(measure_all(Path(temporary), int(chosen.gigabytes * 1e9), chosen.jobs))
    print(f"\nload of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    conclude(measures, chosen.json)


if __name__ == "__main__":
    main()
