"""The usage page: hours of audio, speed, failures and waiting times of the last days."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.client import Client, ask
from dashboard.frontend.gpus.cards import device_name
from dashboard.pages.local_time import local_time, local_zone
from dashboard.pages.markdown import plain
from dashboard.pages.usage_plots import plot_days, plot_speeds
from tasks.orchestration.summary import duration
from tasks.orchestration.usage import Usage, UsageOfDay

PERIODS = (7, 30, 90)
USUAL_PERIOD = 30
SECONDS_OF_AN_HOUR = 3600
DONE, FAILED = "done", "failed"
COLOURS = {DONE: "#0f8a80", FAILED: "#c2410c"}
"""Both have a contrast of 3 on the light and on the dark background."""


def show() -> None:
    """Show the page."""
    st.title("Usage")
    days = st.radio(
        "Period",
        PERIODS,
        index=PERIODS.index(USUAL_PERIOD),
        format_func=lambda days: f"{days} days",
        horizontal=True,
    )
    with st.spinner("Asking Prefect what was done"):
        usage, names = ask(lambda client: _read(client, days))
    if not usage.complete:
        st.warning("There were more jobs than are read here: those of the first days are missing.")
    if not usage.done and not usage.failed:
        st.info(
            f"No job has ended in the last {days} days. Figures come with the first batch.",
            icon=":material/bar_chart:",
        )
        return
    _show_totals(usage)
    _show_audio(usage, names)
    _show_jobs(usage)
    _show_devices(usage, names)
    _show_causes(usage)
    st.markdown(
        f":small[Since {local_time(usage.since):%d %B %Y}, days of {local_zone().key}. Counted are jobs that have "
        "ended, each with its latest try, as Prefect has kept their runs.]"
    )


async def _read(client: Client, days: int) -> tuple[Usage, Mapping[str, str]]:
    """Return the use and the names of the devices by work pool; of pools that are gone there is none."""
    usage = await client.usage.read_usage(days, local_zone())
    return usage, {pool.work_pool: device_name(pool) for pool in await client.overview.pools()}


def _show_totals(usage: Usage) -> None:
    ended = usage.done + usage.failed
    wait = usage.median_wait_seconds
    figures = {
        "Audio transcribed": _hours(usage.audio_seconds),
        "Jobs done": f"{usage.done:,}",
        "Jobs failed": f"{usage.failed:,} ({usage.failed / ended:.0%})",
        "Usual wait": "unknown" if wait is None else duration(wait),
    }
    with st.container(horizontal=True):
        for name, figure in figures.items():
            st.metric(name, figure, width=180)
    if usage.longest_wait_seconds is not None:
        st.markdown(
            f":small[The wait is the time from the start of a batch until a device began a job; the longest was "
            f"{duration(usage.longest_wait_seconds)}.]"
        )


def _show_audio(usage: Usage, names: Mapping[str, str]) -> None:
    st.subheader("Hours of audio per day", anchor=False)
    rows: list[dict[str, Any]] = [
        {"Day": _day(day), "Device": names.get(pool, pool), "Hours": seconds / SECONDS_OF_AN_HOUR}
        for day in usage.by_day
        for pool, seconds in (day.audio_seconds or {"": 0.0}).items()
    ]
    shown = [row for row in rows if row["Device"]]
    if not shown:
        st.markdown("Nothing was transcribed.")
        return
    plot_days(rows, shown, "Hours", by="Device")
    _table(
        [
            {"Day": row["Day"], "Device": row["Device"], "Audio": _hours(row["Hours"] * SECONDS_OF_AN_HOUR)}
            for row in reversed(shown)
        ]
    )


def _show_jobs(usage: Usage) -> None:
    st.subheader("Jobs per day", anchor=False)
    rows = [
        {"Day": _day(day), "Outcome": outcome, "Jobs": jobs}
        for day in usage.by_day
        for outcome, jobs in ((DONE, day.done), (FAILED, day.failed))
    ]
    plot_days(rows, rows, "Jobs", by="Outcome", colours=COLOURS)
    ended = [day for day in reversed(usage.by_day) if day.done or day.failed]
    _table([{"Day": _day(day), "Done": f"{day.done:,}", "Failed": f"{day.failed:,}"} for day in ended])


def _show_devices(usage: Usage, names: Mapping[str, str]) -> None:
    if not usage.devices:
        return
    st.subheader("Real-time factor", anchor=False)
    st.markdown("Time of the device for each second of audio: 0.1 is an hour of audio in six minutes.")
    rows = [
        {"Device": names.get(device.work_pool, device.work_pool), "Real-time factor": device.real_time_factor}
        for device in usage.devices
        if device.real_time_factor is not None
    ]
    if rows:
        plot_speeds(rows)
    _table(
        [
            {
                "Device": names.get(device.work_pool, device.work_pool),
                "Factor": "" if device.real_time_factor is None else f"{device.real_time_factor:.3f}",
                "Audio": _hours(device.audio_seconds),
                "Busy": _hours(device.device_seconds),
                "Done": f"{device.done:,}",
                "Failed": f"{device.failed:,}",
            }
            for device in usage.devices
        ]
    )


def _show_causes(usage: Usage) -> None:
    st.subheader("Failures by cause", anchor=False)
    if not usage.causes:
        st.markdown("No job failed.")
        return
    st.table([{"Jobs": f"{cause.jobs:,}", "Cause": plain(cause.reason)} for cause in usage.causes])


def _table(rows: Sequence[Mapping[str, str]]) -> None:
    """Show the figures of a plot as a table, which screen readers can read."""
    with st.expander("As a table"):
        st.table(list(rows))


def _day(day: UsageOfDay) -> str:
    return f"{day.day.day} {day.day:%b}"


def _hours(seconds: float) -> str:
    return duration(seconds) if seconds < SECONDS_OF_AN_HOUR else f"{seconds / SECONDS_OF_AN_HOUR:,.1f} h"
