# ruff: noqa: INP001 - a script beside the documents, not a package
"""
Take the pictures of the README, and of every page in every width, to be looked at: ``make screenshots``.

It starts Batchscribe on free ports with two CPU devices and a data folder that is thrown away, has it transcribe what
is made of the tests' clips, and photographs the pages in Chromium, light and dark, into docs/pictures; all of them,
from a telephone to a wide screen and at 200 %, into data/pictures.
"""

import io
import subprocess
import tempfile
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from screenshot_looks import photograph_all_looks
from screenshot_stack import HEIGHT, PROJECT, WIDTH, pages, photograph, running_stack, wait_until

from tasks.media.ffmpeg import ffmpeg_program

PICTURES = PROJECT / "docs" / "pictures"
CLIPS = sorted((PROJECT / "tests" / "speech").glob("*.[mo]p[3u]*"))
ALL_LOOKS = PROJECT / "data" / "pictures"
BATCH_HEIGHT = 1100
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
        photograph_all_looks(address, ended, jobs[READING], ALL_LOOKS)


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
        photograph(page, PICTURES / f"upload-{scheme}.png")
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
        photograph(page, PICTURES / f"transcript-{scheme}.png")


def photograph_ended_batch(address: str, batch_id: str, scheme: str) -> None:
    """Take the picture of a batch of which some jobs failed."""
    with pages(scheme, height=BATCH_HEIGHT) as page:
        page.goto(f"{address}/batches?batch={batch_id}")
        page.get_by_role("button", name="Retry Failed").wait_for()
        page.get_by_role("link", name=READING.rpartition("/")[2]).first.wait_for()
        photograph(page, PICTURES / f"batch-done-{scheme}.png")


def photograph_running_batch(address: str, api: httpx.Client, files: Mapping[str, bytes], scheme: str) -> None:
    """Take the picture of a batch that runs."""
    with running_batch(api, files) as batch_id, pages(scheme, height=BATCH_HEIGHT) as page:
        page.goto(f"{address}/batches?batch={batch_id}")
        wait_until(lambda: api.get(f"/batch/{batch_id}").json()["summary"]["done"] > 0, SECONDS_TO_TRANSCRIBE)
        wait_until(lambda: all_in_the_middle(api), SECONDS_TO_TRANSCRIBE)
        page.get_by_text("Queue position: 1").first.wait_for()
        photograph(page, PICTURES / f"batch-running-{scheme}.png")


def photograph_devices(address: str, api: httpx.Client, files: Mapping[str, bytes], scheme: str) -> None:
    """Take the picture of the devices at work."""
    with running_batch(api, files), pages(scheme) as page:
        page.goto(f"{address}/gpus")
        page.get_by_role("heading", name="CPU 1").wait_for()
        wait_until(lambda: all_in_the_middle(api), SECONDS_TO_TRANSCRIBE)
        photograph(page, PICTURES / f"gpus-{scheme}.png")


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


if __name__ == "__main__":
    main()
