"""
The end of a batch as a short notice for people: a title and a few lines of plain text.

Some services take 2,000 characters and refuse a longer message, so there are never more than `MAX_LETTERS`.
"""

from dataclasses import dataclass

from tasks.announcements.batch_end import BatchEnd, EndedJob
from tasks.batches import Stage
from tasks.names import display_name
from tasks.orchestration.status import BatchState
from tasks.orchestration.summary import reason_of

MAX_LETTERS = 1500
MAX_TITLE_LETTERS = 120
MAX_NAMED = 10
"""Failed jobs that are named; the rest are counted."""

MAX_REASON_LETTERS = 160


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to people."""

    title: str
    body: str


def notice_of(end: BatchEnd) -> Notice:
    """Return the notice of the end of a batch: its name, its counts, the failures by name and the page's address."""
    counts = end.counts
    outcome = f"{counts.failed} failed" if counts.failed else _OUTCOMES[end.state]
    head = [f"{counts.done} of {counts.total} jobs done" if counts.total else end.message]
    head += [f"{counts.failed} failed"] if counts.failed else []
    head += [f"{counts.cancelled} cancelled"] if counts.cancelled else []
    failed = [job for job in end.jobs if job.stage is Stage.FAILED]
    return Notice(
        title=f"{display_name(end.name, MAX_TITLE_LETTERS)}: {outcome}",
        body="\n\n".join(
            part for part in (f"{', '.join(head).rstrip('.')}.", _named(failed, counts.failed), end.batch_url) if part
        ),
    )


_OUTCOMES = {BatchState.COMPLETED: "done", BatchState.CANCELLED: "cancelled", BatchState.FAILED: "failed"}


def _named(failed: list[EndedJob], count: int) -> str:
    """Return a line for each failed job, as many as fit, and one with the number of the others."""
    lines: list[str] = []
    room = MAX_LETTERS - MAX_TITLE_LETTERS - 300  # the other lines
    for job in failed[:MAX_NAMED]:
        reason = _shortened(reason_of(job.error, job.path), MAX_REASON_LETTERS)
        line = f"{display_name(job.path, MAX_REASON_LETTERS)} - {reason}"
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
    if count > len(lines):
        lines.append(f"and {count - len(lines)} more" if lines else f"{count} failed")
    return "\n".join(lines)


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
