"""
The health notice as a Streamlit component.

It asks ``/api/health`` from the browser: that costs no run of a page, works while a page waits for an answer, and even
when the dashboard itself is away.
"""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.frontend.modules import component_script

FOLDER = Path(__file__).parent


@cache
def _component() -> Any:
    return st.components.v2.component(
        "batchscribe_banner",
        css=(FOLDER / "banner.css").read_text(encoding="utf-8"),
        js=component_script("health/banner.js"),
    )


def show_banner() -> None:
    """Show the problems of the installation, as long as there are any."""
    _component()(key="banner")
