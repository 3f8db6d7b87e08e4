"""
Benchmark of what a person waits for on the pages: a first visit, 2,000 files, an hour's transcript, and a key.

The real dashboard in a folder of its own, and a real Chromium; nothing is transcribed. Linux only::

    python benchmarks/page_times.py [--files 2000] [--hours 1] [--json FILE]

*first visit*: from the address to an upload page that takes files, in a browser that has nothing of it. *listed*: from
the choice of the files until all their rows are painted. *frames*: how many a second are painted while they are sent
and their list is scrolled. *editable*: from the address of a transcript, with the page's scripts at hand, through the
key E until it can be written in. *key*: from a key in the middle of that text until it is painted. *under load*: from a
click on a batch to its rows while ten other processes for each core compute.
"""

import asyncio
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measures import Measure, arguments_of, conclude
from pages import PATIENCE_MS, ROUNDS, chromium, look_at_batch
from playwright.async_api import Browser, Page
from real_stack import RealStack, running_stack
from simulated_batch import fill

from tasks.documents.json_document import Processing
from tasks.documents.stored_transcript import StoredTranscript
from tasks.transcription.transcript import Segment, Transcript, Word

WORDS_OF_AN_HOUR = 9000
WORDS_OF_A_SENTENCE = 12
KEYS = 60
JOBS = 10
SCROLLED_SECONDS = 8
PROCESSES_PER_CORE = 10
LISTENS = "() => globalThis.batchscribeUpload?.views.size"

CHOOSE = """async count => {
  const files = new DataTransfer();
  for (let n = 0; n < count; n++) files.items.add(new File([new Uint8Array(2000)], `lecture ${n}.mp3`));
  const root = [...document.querySelectorAll("*")].map(each => each.shadowRoot ?? each);
  const input = root.map(each => each.querySelector("#choose-files")).find(Boolean);
  const rows = input.closest(".uploader").querySelector("#rows");
  const began = performance.now();
  input.files = files.files;
  input.dispatchEvent(new Event("change"));
  while (rows.children.length < count) await new Promise(requestAnimationFrame);
  await new Promise(painted => requestAnimationFrame(() => setTimeout(painted)));
  return (performance.now() - began) / 1000;
}"""
"""Chooses files as the browser's own dialog does, without the paths that it would hand over."""

SCROLL = """async seconds => {
  const root = [...document.querySelectorAll("*")].map(each => each.shadowRoot ?? each);
  const rows = root.map(each => each.querySelector("#rows")).find(Boolean);
  const began = performance.now();
  let frames = 0;
  while (performance.now() - began < seconds * 1000) {
    rows.scrollTop = (rows.scrollTop + 40) % (rows.scrollHeight - rows.clientHeight);
    await new Promise(requestAnimationFrame);
    frames += 1;
  }
  return frames / ((performance.now() - began) / 1000);
}"""

WATCH_KEYS = """() => {
  globalThis.keyTimes = [];
  addEventListener("keydown", event => {
    requestAnimationFrame(() => setTimeout(() => keyTimes.push(performance.now() - event.timeStamp)));
  }, {capture: true});
}"""


async def first_visits(browser: Browser, address: str) -> float:
    """Return the seconds of a first visit, the median of a few."""
    took = []
    for _ in range(ROUNDS):
        context = await browser.new_context()
        page = await context.new_page()
        began = time.monotonic()
        await page.goto(address)
        await page.wait_for_function(LISTENS, timeout=PATIENCE_MS)
        took.append(time.monotonic() - began)
        await context.close()
    return statistics.median(took)


async def list_and_send(page: Page, address: str, files: int) -> tuple[float, float]:
    """Return the seconds until so many files are listed, and the frames per second while they are sent."""
    await page.goto(address)
    await page.wait_for_function(LISTENS)
    listed = await page.evaluate(CHOOSE, files)
    print(f"frames a second before they are sent: {await page.evaluate(SCROLL, SCROLLED_SECONDS / 2):.0f}")
    await page.get_by_role("button", name="Upload All").click()
    await page.wait_for_function("() => globalThis.batchscribeUpload.queue.sentBytes > 0")
    frames = await page.evaluate(SCROLL, SCROLLED_SECONDS)
    left = await page.evaluate("() => globalThis.batchscribeUpload.queue.count('pending')")
    print(f"{left} of {files} files were left to be sent when the scrolling ended")
    await page.get_by_role("button", name="Cancel").click()
    return float(listed), float(frames)


def hours_of_speech(hours: float) -> StoredTranscript:
    """Return a transcript of made-up words, with their times."""
    dice = random.Random(1)  # noqa: S311 - words, no secrets
    words = [f" {''.join(dice.choices('etaoinshrdlu', k=dice.randint(2, 9)))}" for _ in range(3000)]
    step = 3600 / WORDS_OF_AN_HOUR
    segments = []
    for number in range(int(hours * WORDS_OF_AN_HOUR) // WORDS_OF_A_SENTENCE):
        start = number * WORDS_OF_A_SENTENCE * step
        texts = dice.choices(words, k=WORDS_OF_A_SENTENCE)
        texts[-1] += "."
        spoken = tuple(
            Word(text=text, start=round(start + n * step, 3), end=round(start + (n + 0.9) * step, 3), probability=0.9)
            for n, text in enumerate(texts)
        )
        segments.append(Segment(start=start, end=spoken[-1].end, text="".join(texts), words=spoken))
    transcript = Transcript(
        segments=tuple(segments), language="en", language_probability=1.0, model="base", audio_seconds=hours * 3600
    )
    return StoredTranscript(
        transcript=transcript, processing=Processing(device="cpu", compute_type="int8", transcription_seconds=60.0)
    )


async def made_transcript(stack: RealStack, hours: float) -> str:
    """Put a job that is done into the store, and return its id."""
    from tasks.batches import Manifest
    from tasks.documents.formats import render_stored
    from tasks.documents.publish import publish
    from tasks.names import DEFAULT_FORMATS
    from tasks.storage.keys import BatchKeys, attempt_token
    from tasks.storage.open_store import open_store

    store = open_store(stack.settings)
    batch_id = (await stack.api.post("/batch", json={"name": "spoken"})).json()["batch_id"]
    fill(store, batch_id, jobs=1, device_seconds=1.0)
    (job,) = Manifest.model_validate_json(store.read(BatchKeys.of(batch_id).manifest)).jobs
    heard = hours_of_speech(hours)
    contents = render_stored(heard, job, DEFAULT_FORMATS)
    publish(store, batch_id, job, token=attempt_token("run", 1), attempt=1, heard=heard, contents=contents)
    return job.job_id


async def open_and_write(page: Page, address: str, job_id: str) -> tuple[float, float]:
    """Return the seconds until the transcript can be edited, and until 95 of 100 keys are painted."""
    took = []
    for _ in range(ROUNDS):
        await page.goto(f"{address}/gpus")
        await page.get_by_role("heading", name="Devices").wait_for()
        began = time.monotonic()
        await page.goto(f"{address}/transcript?job={job_id}")
        await page.locator(".player[data-state=ready]").wait_for()
        print(f"transcript shown after {time.monotonic() - began:.2f} s")
        await page.keyboard.press("e")
        await page.locator(".player[data-state=editing]").wait_for()
        took.append(time.monotonic() - began)
    texts = page.get_by_role("region", name="Transcript").get_by_role("textbox")
    await texts.nth(await texts.count() // 2).click()
    await page.evaluate(WATCH_KEYS)
    for _ in range(KEYS // 6):
        await page.keyboard.type("spoken", delay=60)
    await asyncio.sleep(0.5)
    keys = sorted(await page.evaluate("() => globalThis.keyTimes"))
    print(f"{len(keys)} keys: median {statistics.median(keys):.0f} ms, slowest {keys[-1]:.0f} ms")
    return statistics.median(took), keys[math.ceil(0.95 * len(keys)) - 1]


@contextmanager
def computing(processes: int) -> Iterator[None]:
    """Have so many processes compute as long as the block lasts."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


async def measure_all(folder: Path, files: int, hours: float) -> dict[str, Measure]:
    """Return all measures, one after the other."""
    async with running_stack(folder, devices=1) as stack, chromium() as browser:
        address = f"http://127.0.0.1:{stack.settings.port}"
        visit = await first_visits(browser, address)
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        listed, frames = await list_and_send(page, address, files)
        job_id = await made_transcript(stack, hours)
        editable, key = await open_and_write(page, address, job_id)
        with computing(PROCESSES_PER_CORE * (os.cpu_count() or 1)):
            renders, _ = await look_at_batch(page, stack, JOBS)
    return {
        "first visit, s": Measure(visit, 2.0),
        f"{files:,} files listed, s": Measure(listed, 1.0),
        "frames a second while they are sent": Measure(frames, 55.0, at_least=True),
        f"transcript of {hours:g} h editable, s": Measure(editable, 1.5),
        "key painted, 95 of 100 within, ms": Measure(key, 50.0),
        f"batch of {JOBS} jobs renders under load, s": Measure(renders, 1.0),
    }


def main() -> None:
    """Measure, print, write the file if asked to; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--files", type=int, default=2000, help="files that are chosen at once")
    parser.add_argument("--hours", type=float, default=1.0, help="length of the transcript that is edited")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        measures = asyncio.run(measure_all(Path(temporary), chosen.files, chosen.hours))
    conclude(measures, chosen.json)


if __name__ == "__main__":
    main()
