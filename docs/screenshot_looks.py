# ruff: noqa: INP001 - a script beside the documents, not a package
"""Pictures of every page in every look: light and dark, from a telephone to a wide screen, and at 200 %."""

from pathlib import Path

from playwright.sync_api import Page
from screenshot_stack import HEIGHT, pages, photograph

WIDTHS = (360, 768, 1280, 1920)
ZOOMED = 640, 2.0
"""Width in points of a window of 1,280 dots at 200 %, and the zoom."""


def photograph_all_looks(address: str, batch_id: str, job_id: str, folder: Path) -> None:
    """Save a picture of each page in each look to the folder: ``upload-360-light.png``, ``upload-zoomed-dark.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    looks = {str(width): (width, 1.0) for width in WIDTHS} | {"zoomed": ZOOMED}
    for scheme in ("light", "dark"):
        for look, (width, zoom) in looks.items():
            with pages(scheme, width=width, height=HEIGHT, zoom=zoom) as page:
                for name, query, ready in all_pages(batch_id, job_id):
                    page.goto(address + query)
                    page.locator(ready).first.wait_for()
                    photograph(page, folder / f"{name}-{look}-{scheme}.png")
                edit(page)
                photograph(page, folder / f"editor-{look}-{scheme}.png")


def all_pages(batch_id: str, job_id: str) -> list[tuple[str, str, str]]:
    """Return the pages: their names, their addresses, and what is on them once they are there."""
    return [
        ("upload", "/", "#files-button"),
        ("batches", "/batches", "role=table[name='Batches']"),
        ("batch", f"/batches?batch={batch_id}", "role=button[name='Retry Failed']"),
        ("inbox", "/inbox", "role=heading[name='Inbox']"),
        ("devices", "/gpus", "role=heading[name='CPU 1']"),
        ("usage", "/usage", "role=heading[name='Usage']"),
        ("transcripts", "/transcript", "role=heading[name='Transcripts']"),
        ("transcript", f"/transcript?job={job_id}", ".player[data-state=ready]"),
    ]


def edit(page: Page) -> None:
    """Open the transcript that is shown for editing."""
    page.keyboard.press("e")
    page.locator(".player[data-state=editing]").wait_for()
