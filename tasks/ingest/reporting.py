"""Sum up one scan: the report record, the sentence of its run, and the table for Prefect's UI."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from tasks.ingest.context import ScanContext, counted
from tasks.ingest.index import Known
from tasks.ingest.inventory import Look
from tasks.ingest.records import Plan
from tasks.ingest.report import (
    MAX_LISTED,
    DuplicateFile,
    FailedFile,
    InboxReport,
    OpenBatch,
    WaitingFile,
)

DAY = 24 * 3600.0
_WAITING = "decided IS NOT wanted"
_DUPLICATES = "original IS NOT NULL"
_FAILED = "outcome = 'failed' AND original IS NULL"


def report_of(
    scan: ScanContext, look: Look, open_plans: Sequence[Plan], began: datetime, seconds: float
) -> InboxReport:
    """Return the report of the scan."""
    index = scan.index
    for sentence in (*look.warnings, *_causes(scan, look)):
        scan.warn(sentence)
    noted = index.count(_WAITING)
    waiting = (*look.waiting, *_waiting(scan, index.waiting(MAX_LISTED), open_plans))
    return InboxReport(
        inbox=scan.inbox.name,
        location=scan.inbox.path,
        scanned_at=began,
        scan_seconds=round(seconds, 3),
        warnings=tuple(scan.warnings),
        seen=look.seen.count + look.waiting_total,
        known=max(0, look.seen.count - noted - scan.new),
        new=scan.new,
        waiting_total=noted + look.waiting_total,
        waiting=waiting[:MAX_LISTED],
        ignored=tuple(sorted(look.ignored.values(), key=lambda ignored: (-ignored.count, ignored.pattern))),
        duplicates_total=index.count(_DUPLICATES),
        duplicates=tuple(
            DuplicateFile(path=path, original=original)
            for path, original, *_ in index.list_files(_DUPLICATES, MAX_LISTED)
        ),
        failed_total=index.count(_FAILED),
        failed=tuple(
            FailedFile(path=path, error=error, batch_id=batch_id, job_id=job_id)
            for path, _, error, batch_id, job_id in index.list_files(_FAILED, MAX_LISTED)
        ),
        done_total=index.count("outcome = 'done' AND original IS NULL"),
        open_batches=tuple(
            OpenBatch(batch_id=plan.batch_id, name=plan.name, files=len(plan.files)) for plan in open_plans
        ),
    )


def _waiting(scan: ScanContext, files: Iterable[Known], open_plans: Sequence[Plan]) -> list[WaitingFile]:
    return [WaitingFile(path=file.path, reason=_reason(scan, file, len(open_plans))) for file in files]


def _reason(scan: ScanContext, file: Known, open_batches: int) -> str:
    limit = scan.settings.max_file_bytes
    if not file.size:
        return "It is empty: 0 bytes. It is taken when it has content."
    if file.size > limit:
        return f"It has {file.size} bytes; {limit} are accepted (BATCHSCRIBE_MAX_FILE_BYTES)."
    if file.problem:
        return file.problem
    if not file.whole:
        return f"It may still be written: it is taken when it has not changed for {scan.inbox.still_seconds:g} s."
    if open_batches >= scan.inbox.max_open_batches:
        return f"Its turn comes when one of the inbox's {counted(open_batches, 'open batch', _plural)} has ended."
    return "It is taken by the next scan."


def _plural(what: str) -> str:
    return f"{what}es"


def _causes(scan: ScanContext, look: Look) -> list[str]:
    """Return the causes that concern several files and that a user should know, one sentence each."""
    causes = []
    empty = scan.index.count(f"size = 0 AND seen_at < {time.time() - DAY:.0f}")
    if empty:
        causes.append(f"{counted(empty, 'file')} of the inbox have been empty for more than a day. Copy them again.")
    denied = scan.index.count("problem <> '' AND decided IS NOT wanted")
    if denied:
        causes.append(f"{counted(denied, 'file')} can't be read. Allow Batchscribe's user to read them.")
    own = [ignored for ignored in look.ignored.values() if ignored.pattern in scan.inbox.ignore]
    if own and not look.seen.count and not look.waiting_total:
        widest = max(own, key=lambda ignored: ignored.count)
        causes.append(f"The ignore pattern {widest.pattern!r} keeps everything out of the inbox. Narrow or remove it.")
    return causes


def summary(report: InboxReport) -> str:
    """Return the scan in one line: ``3 new, 2 waiting, 14 ignored``."""
    ignored = sum(pattern.count for pattern in report.ignored)
    numbers = (
        (report.new, "new"),
        (report.waiting_total, "waiting"),
        (len(report.open_batches), "open"),
        (report.failed_total, "failed"),
        (report.done_total, "done"),
        (ignored, "ignored"),
    )
    return ", ".join(f"{number} {what}" for number, what in numbers if number) or "Nothing there."


def markdown(report: InboxReport) -> str:
    """Return the report for users who look at the run in Prefect."""
    lines = [f"# Inbox {report.inbox}", "", f"`{report.location}`: **{summary(report)}**"]
    lines += [f"- {sentence}" for sentence in report.warnings]
    lines += _table("Waiting", "reason", [(file.path, file.reason) for file in report.waiting], report.waiting_total)
    lines += _table("Failed", "error", [(file.path, file.error) for file in report.failed], report.failed_total)
    duplicates = [(file.path, file.original) for file in report.duplicates]
    lines += _table("Known under another name", "as", duplicates, report.duplicates_total)
    ignored = [(f"{file.pattern} ({file.count})", file.example) for file in report.ignored]
    lines += _table("Ignored", "for example", ignored, len(ignored))
    return "\n".join(lines) + "\n"


def _table(title: str, column: str, rows: Sequence[tuple[str, str]], total: int) -> list[str]:
    if not rows:
        return []
    more = ["", f"And {total - len(rows)} more."] if total > len(rows) else []
    cells = [f"| {_cell(first)} | {_cell(second)} |" for first, second in rows]
    return ["", f"## {title}", "", f"| what | {column} |", "|---|---|", *cells, *more]


def _cell(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>|#~" else letter for letter in printable)


async def publish_report(report: InboxReport) -> None:
    """Show the report in Prefect's UI."""
    from prefect.artifacts import acreate_markdown_artifact  # importing Prefect costs seconds

    await acreate_markdown_artifact(
        key=f"inbox-{report.inbox.replace('_', '-')}",
        markdown=markdown(report),
        description=f"What the scan of the inbox {report.inbox} found",
    )
