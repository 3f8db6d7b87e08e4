"""The inbox page: the watched folders, the findings of their latest scans, and what to do about them."""

import math
from datetime import datetime

import streamlit as st

from dashboard.client import Client, ask
from dashboard.pages.links import batch_link
from dashboard.pages.local_time import local_time, local_zone
from dashboard.pages.markdown import code, plain
from dashboard.pages.notices import live
from dashboard.services.inboxes import InboxStatus, ScanStarted
from tasks.ingest.report import InboxReport
from tasks.names import shown_name
from tasks.orchestration.summary import duration

SECONDS_BETWEEN_LOOKS = 3.0

NO_INBOX = """\
There is no inbox yet. An inbox is a folder, or a prefix of a bucket, whose recordings are transcribed without anybody
uploading them. Write a file `inboxes.toml` next to `prefect.yaml`, then start Batchscribe again (`make up`):
"""
EXAMPLE = """\
[inboxes.lectures]
path = "/srv/lectures"   # or s3://bucket/prefix
interval = 60            # seconds between two scans
"""


def show() -> None:
    """Show the page."""
    st.title("Inbox")
    _inboxes()


@live(SECONDS_BETWEEN_LOOKS)
def _inboxes() -> None:
    inboxes = ask(lambda client: client.inboxes.read_inboxes())
    if not inboxes:
        st.info(NO_INBOX, icon=":material/inbox:")
        st.code(EXAMPLE, language="toml")
    for inbox in inboxes:
        with st.container(border=True, key=f"inbox-{inbox.name}"):
            _show_inbox(inbox)


def _show_inbox(inbox: InboxStatus) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(plain(inbox.name), anchor=False, width="content")
        icon, key = ":material/search:", f"scan {inbox.name} now"
        if st.button("Scan now", icon=icon, key=key, disabled=inbox.scanning):
            _scan(inbox)
            st.rerun(scope="fragment")
    st.markdown(f"{code(inbox.location)}  \n:small[{_times(inbox)} · [Its scans in Prefect]({inbox.deployment_url})]")
    _show_scan(inbox)
    if inbox.problem:
        st.error(plain(inbox.problem), icon=":material/error:")
    if inbox.paused:
        st.warning(
            f"Paused: it is scanned when you ask for it. [Resume its schedule in Prefect]({inbox.deployment_url}).",
            icon=":material/pause_circle:",
        )
    if inbox.report is not None:
        _show_report(inbox.report)
    if inbox.report is None or not (inbox.report.seen or inbox.report.waiting_total):
        st.info(_invitation(inbox), icon=":material/inbox:")


def _times(inbox: InboxStatus) -> str:
    scanned = f"Scanned {_local(inbox.report.scanned_at)}" if inbox.report else "Not scanned yet"
    if inbox.scanning:
        coming = f"[a scan is under way]({inbox.scan_url})"
    elif inbox.next_scan_at and not inbox.paused:
        coming = f"next scan {_local(inbox.next_scan_at)}"
    else:
        coming = "" if inbox.schedule and not inbox.paused else "no scan is planned"
    return " · ".join(filter(None, (scanned, coming, plain(inbox.schedule))))


def _local(at: datetime) -> str:
    """Return a time in the browser's time zone; with its date unless that is today."""
    there, today = local_time(at), datetime.now(local_zone()).date()
    return f"{there:%H:%M:%S}" if there.date() == today else f"{there:%d %B %Y, %H:%M}"


def _invitation(inbox: InboxStatus) -> str:
    invitation = f"Copy a recording to {code(inbox.location)} and it is transcribed"
    if inbox.paused or not inbox.interval_seconds:
        return f"{invitation} with the second scan that finds it unchanged."
    scans_to_wait = max(math.ceil(inbox.still_seconds / inbox.interval_seconds), 1)
    return f"{invitation}: it begins within {duration((1 + scans_to_wait) * inbox.interval_seconds)}."


def _scan(inbox: InboxStatus) -> None:
    """Start a scan of the inbox, and remember the latest scan before it."""

    async def scan(client: Client) -> ScanStarted:
        return await client.inboxes.scan_inbox(inbox.name)

    before = inbox.report.scanned_at if inbox.report else None
    st.session_state[_asked(inbox)] = (ask(scan), before)


def _asked(inbox: InboxStatus) -> str:
    return f"scan of {inbox.name}"


def _show_scan(inbox: InboxStatus) -> None:
    """Show the result of the scan that the user asked for."""
    if _asked(inbox) not in st.session_state:
        return
    started, before = st.session_state[_asked(inbox)]
    report = inbox.report
    if report is not None and report.scanned_at != before:
        found = f"{report.new} new, {report.waiting_total} waiting" if report.new or report.waiting_total else "no news"
        st.success(f"Scanned {_local(report.scanned_at)}: {found}.", icon=":material/check_circle:")
    else:
        st.info(f"Your scan: [its run in Prefect]({started.flow_run_url})", icon=":material/hourglass:")


def _show_report(report: InboxReport) -> None:
    for warning in report.warnings:
        st.warning(plain(warning), icon=":material/warning:")
    with st.container(horizontal=True):
        for label, count in (
            ("Seen", report.seen),
            ("Known", report.known),
            ("New", report.new),
            ("Waiting", report.waiting_total),
            ("Done", report.done_total),
            ("Failed", report.failed_total),
        ):
            st.metric(label, f"{count:,}", width="content")
    for batch in report.open_batches:
        batch_link(batch.batch_id, f"{shown_name(batch.name)} ({_files(batch.files)})", icon=":material/stacks:")
    _show_lists(report)


def _show_lists(report: InboxReport) -> None:
    _show_list(
        f"Failed ({report.failed_total:,})",
        [
            f"{code(shown_name(file.path))}: {plain(file.error)} [Its batch](/batches?batch={file.batch_id})"
            for file in report.failed
        ],
        report.failed_total,
    )
    _show_list(
        f"Waiting ({report.waiting_total:,})",
        [f"{code(shown_name(file.path))}: {plain(file.reason)}" for file in report.waiting],
        report.waiting_total,
    )
    _show_list(
        f"Duplicates ({report.duplicates_total:,})",
        [
            f"{code(shown_name(file.path))} is the same as {code(shown_name(file.original))}"
            for file in report.duplicates
        ],
        report.duplicates_total,
    )
    ignored = sum(kind.count for kind in report.ignored)
    _show_list(
        f"Ignored ({ignored:,})",
        [
            f"{_files(kind.count)} by the pattern {code(kind.pattern)}, for example {code(shown_name(kind.example))}"
            for kind in report.ignored
        ],
        len(report.ignored),
    )


def _show_list(title: str, lines: list[str], total: int) -> None:
    """Show lines that can be opened; nothing if there are none."""
    if not lines:
        return
    more = [f"… and {total - len(lines):,} more"] if total > len(lines) else []
    with st.expander(title):
        st.markdown("\n".join(f"- {line}" for line in lines + more))


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"
