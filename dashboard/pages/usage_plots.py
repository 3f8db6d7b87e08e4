"""
The plots of the usage page, written in Vega-Lite.

Streamlit's own Vega draws them, and loads nothing from elsewhere. Altair would write the same, but takes more than a
second to load.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.theme import THEME

HEIGHT = 260
HEIGHT_OF_A_BAR = 40
HEIGHT_OF_AN_AXIS = 60
BAR_COLOUR = "#0f8a80"


def plot_days(
    rows: Sequence[Mapping[str, Any]],
    shown: Sequence[Mapping[str, Any]],
    what: str,
    *,
    by: str,
    colours: Mapping[str, str] | None = None,
) -> None:
    """
    Plot *what* of *shown* as bars over the days of *rows*, of which some may have nothing to show.

    The bars are stacked *by* a field whose values have *colours*, or those of Streamlit.
    """
    days = list(dict.fromkeys(row["Day"] for row in rows))
    scale = {"scale": {"domain": list(colours), "range": list(colours.values())}} if colours else {}
    encoding = {
        "x": {
            **_field("Day", "ordinal"),
            "scale": {"domain": days},
            "axis": {"labelOverlap": "parity", "labelAngle": 0, "title": None},
        },
        "y": {**_field(what, "quantitative"), "stack": "zero", "axis": {"tickCount": 4}},
        "color": {**_field(by, "nominal"), **scale, "legend": {"orient": "top", "title": None}},
        "tooltip": [_field("Day", "ordinal"), _field(by, "nominal"), _field(what, "quantitative") | {"format": ".3~r"}],
    }
    _plot(shown, {"type": "bar"}, encoding, HEIGHT)


def plot_speeds(rows: Sequence[Mapping[str, Any]]) -> None:
    """Plot the real-time factor of each device."""
    factor, device = _field("Real-time factor", "quantitative"), _field("Device", "nominal")
    encoding = {
        "x": factor | {"axis": {"tickCount": 4}},
        "y": device | {"title": None, "sort": None},
        "tooltip": [device, factor],
    }
    _plot(rows, {"type": "bar", "color": BAR_COLOUR}, encoding, HEIGHT_OF_AN_AXIS + HEIGHT_OF_A_BAR * len(rows))


def _field(name: str, kind: str) -> dict[str, Any]:
    return {"field": name, "type": kind}


def _plot(rows: Sequence[Mapping[str, Any]], mark: dict[str, Any], encoding: dict[str, Any], height: int) -> None:
    """Plot *rows*; the words have the colour of other text, in light and in dark."""
    text = THEME[f"theme.{st.context.theme.type or 'light'}.textColor"]
    words = {"axis": {"labelColor": text, "titleColor": text}, "legend": {"labelColor": text}}
    spec = {"data": {"values": list(rows)}, "mark": mark, "encoding": encoding, "height": height, "config": words}
    st.vega_lite_chart(spec)
