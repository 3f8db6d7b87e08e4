"""Times as the clock of the person tells them who looks at a page."""

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st


def local_zone() -> ZoneInfo:
    """Return the time zone of the browser; UTC if it tells none."""
    return ZoneInfo(st.context.timezone or "UTC")


def local_time(at: datetime) -> datetime:
    """Return a time in the browser's time zone."""
    return at.astimezone(local_zone())
