# ruff: noqa: INP001 - a script beside the documents, not a package
"""The subject of the pictures and their camera: Batchscribe in a throwaway folder, and a page of a Chromium."""

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

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from deployments.local.models import PINNED, assemble_from_packages, is_complete
from tasks.settings import Settings

PROJECT = Path(__file__).parents[1]
MODEL = "tiny.en"
CHROMIUMS = ("chromium-headless-shell", "chromium", "google-chrome")
WIDTH, HEIGHT = 1280, 800
COLORS = 256
"""Enough for a page, and a third of the bytes."""

SECONDS_TO_START = 300.0


@contextmanager
def pages(scheme: str, *, width: int = WIDTH, height: int = HEIGHT, zoom: float = 1) -> Iterator[Page]:
    """Give a page of a new Chromium, *width* points wide, each of which takes *zoom* dots of the picture."""
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if chromium is None:
        sys.exit("The pictures need Chromium: make chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        viewport = {"width": width, "height": height}
        page = browser.new_page(viewport=viewport, device_scale_factor=zoom, color_scheme=scheme)
        page.set_default_timeout(120_000)
        yield page
        browser.close()


def photograph(page: Page, file: Path) -> None:
    """Save what the page shows once nothing moves any more."""
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(1000)  # animations end
    page.screenshot(path=file, animations="disabled")
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)
    sys.stdout.write(f"{file.relative_to(PROJECT)}  {file.stat().st_size // 1000} kB\n")


@contextmanager
def running_stack() -> Iterator[str]:
    """Run Batchscribe with a data folder of its own, and give its address."""
    models = Settings(data=PROJECT / "data").models_folder
    if not is_complete(PINNED[MODEL], models):
        assemble_from_packages(PINNED[MODEL], models)
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
        stack = subprocess.Popen(
            [sys.executable, "-m", "deployments.local.up"], cwd=PROJECT, env=environment, stdout=output
        )
        until_the_end.callback(stop, stack)
        wait_until(lambda: "Ready after" in (data / "output.txt").read_text(), SECONDS_TO_START)
        yield f"http://127.0.0.1:{port}"


def stop(stack: "subprocess.Popen[bytes]") -> None:
    """Stop it as Ctrl-C does, and wait."""
    if stack.poll() is None:
        stack.send_signal(signal.SIGINT)
    stack.wait()


def free_ports(count: int) -> list[int]:
    """Return free ports."""
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
