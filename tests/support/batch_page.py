"""The page of a batch, as the browser tests find their way on it."""

from playwright.sync_api import Locator, Page

from tests.support.stack import RunningBatch

SECONDS = 120_000  # milliseconds that a batch may take on a busy machine
CORRUPT = b"ID3" + bytes(5000)


def address(batch: RunningBatch) -> str:
    """Return the address of its page."""
    return f"/batches?batch={batch.batch_id}"


def row(page: Page, file_name: str) -> Locator:
    """Return the row of a job."""
    return page.get_by_role("row").filter(has=page.get_by_text(file_name, exact=True))


def summary(page: Page) -> Locator:
    """Return the part above the jobs."""
    return page.get_by_role("region", name="Summary")


def answer_question(page: Page, answer: str) -> None:
    """Press the button of that name in the question that is asked."""
    page.get_by_role("dialog").get_by_role("button", name=answer).click()
