"""The report of an inbox: what its latest scan found, for the Inbox page, the API and the artifact in Prefect."""

from datetime import datetime

from pydantic import Field

from tasks.batches import StoredModel

MAX_LISTED = 200
"""Files of one kind that a report names; the rest is counted."""


class WaitingFile(StoredModel):
    """A file that is not ingested yet, and what it waits for."""

    path: str
    reason: str


class IgnoredFiles(StoredModel):
    """The files and folders that one ignore pattern kept out."""

    pattern: str
    count: int
    example: str


class DuplicateFile(StoredModel):
    """A file whose content was ingested under another path."""

    path: str
    original: str


class FailedFile(StoredModel):
    """A file whose job failed for a reason that is in the file, with the job to look at."""

    path: str
    error: str
    batch_id: str
    job_id: str


class OpenBatch(StoredModel):
    """A batch of the inbox that has not ended."""

    batch_id: str
    name: str
    files: int


class InboxReport(StoredModel):
    """The findings of the latest scan of an inbox. Lists hold at most `MAX_LISTED` files; totals count all of them."""

    inbox: str
    location: str = Field(description="the watched folder or s3:// prefix")
    scanned_at: datetime
    scan_seconds: float
    problem: str = Field(default="", description="what keeps the inbox from being scanned and what to do; or empty")
    warnings: tuple[str, ...] = Field(default=(), description="one sentence for each cause")
    seen: int = Field(default=0, description="files that are neither ignored nor skipped")
    known: int = Field(default=0, description="files ingested by earlier scans")
    new: int = Field(default=0, description="files put into a batch by this scan")
    waiting_total: int = 0
    waiting: tuple[WaitingFile, ...] = ()
    ignored: tuple[IgnoredFiles, ...] = ()
    duplicates_total: int = 0
    duplicates: tuple[DuplicateFile, ...] = ()
    failed_total: int = 0
    failed: tuple[FailedFile, ...] = ()
    done_total: int = Field(default=0, description="files whose documents are published")
    open_batches: tuple[OpenBatch, ...] = ()


def report_key(inbox: str) -> str:
    """Return the key of the report of an inbox in the store."""
    return f"ingest/{inbox}/report.json"
