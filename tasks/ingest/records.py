"""
The records that the ingest keeps in the store, besides the batches themselves.

::

    ingest/<inbox>/plans/<batch id>.json      Plan: written first, again with the run's id; gone when all is done
    ingest/<inbox>/claims/<sha>-<opt>.json    Claim: by it one content with one set of options is ingested once
    ingest/<inbox>/ended/<batch id>.json      Ended: the outcome of the files of a plan
    ingest/<inbox>/written/<sha>.json         Written: what we wrote next to a file, hence may replace
    ingest/<inbox>/existing.json              Existing: what the first scan was told to skip
    ingest/<inbox>/lease/<number>.json        Lease: the process that scans
    ingest/<inbox>/report.json                InboxReport of the latest scan

Claims and plans say what is ingested. They are created, not written, so that one of two scans wins, and a scan that
is killed at any line is continued from its plan by the next one.
"""

import hashlib
from datetime import datetime

from pydantic import Field

from tasks.batches import Stage, StoredModel
from tasks.ingest.report import report_key
from tasks.options import TranscriptionOptions

FINGERPRINT_CHARACTERS = 12


class IngestKeys(StoredModel):
    """The keys of one inbox in the store."""

    inbox: str

    @property
    def folder(self) -> str:
        """Prefix of everything of the inbox."""
        return f"ingest/{self.inbox}/"

    @property
    def plans(self) -> str:
        """Prefix of the plans."""
        return f"{self.folder}plans/"

    def plan(self, batch_id: str) -> str:
        """The `Plan` of a batch."""
        return f"{self.plans}{batch_id}.json"

    def claim(self, sha256: str, fingerprint: str) -> str:
        """The `Claim` of a content with a set of options."""
        return f"{self.folder}claims/{sha256}-{fingerprint}.json"

    def ended(self, batch_id: str) -> str:
        """The `Ended` of a batch."""
        return f"{self.folder}ended/{batch_id}.json"

    def written(self, path: str) -> str:
        """The `Written` of a path of the inbox."""
        return f"{self.folder}written/{hashlib.sha256(path.encode()).hexdigest()}.json"

    @property
    def existing(self) -> str:
        """The `Existing`."""
        return f"{self.folder}existing.json"

    @property
    def leases(self) -> str:
        """Prefix of the leases."""
        return f"{self.folder}lease/"

    @property
    def report(self) -> str:
        """The `InboxReport`."""
        return report_key(self.inbox)


class PlannedFile(StoredModel):
    """A file of a plan: its place, its name in the batch, and its content when it was planned."""

    source: str
    path: str
    job_id: str
    size: int
    sha256: str
    signature: str


class Plan(StoredModel):
    """Files that become one batch."""

    batch_id: str
    name: str
    created_at: datetime
    options: TranscriptionOptions
    fingerprint: str
    files: tuple[PlannedFile, ...]
    flow_run_id: str = Field(default="", description="run of the batch; empty until it is started")


class Claim(StoredModel):
    """The claim that a content is ingested with a set of options: as which job, and where it was found first."""

    batch_id: str
    job_id: str
    source: str


class Outcome(StoredModel):
    """The outcome of one file of a plan; *stage* is an end."""

    job_id: str
    stage: Stage
    error: str = ""


class Ended(StoredModel):
    """The outcome of a plan."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    ended_at: datetime


class Written(StoredModel):
    """The checksums of what we wrote at a path of the inbox for a file, and of what we are about to write there."""

    path: str
    source: str
    sha256: tuple[str, ...]


class Existing(StoredModel):
    """Files that were there at the first scan and are not to be ingested, each as path, size and mtime."""

    files: tuple[tuple[str, int, int], ...]


def fingerprint_of(options: TranscriptionOptions) -> str:
    """
    Return a fingerprint that tells one set of options from another.

    Only what differs from the defaults counts: an option that a later version adds changes no fingerprint, and has
    nothing transcribed again.
    """
    chosen = options.model_dump_json(exclude_defaults=True)
    return hashlib.sha256(chosen.encode()).hexdigest()[:FINGERPRINT_CHARACTERS]
