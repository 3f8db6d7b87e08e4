"""The board as a Streamlit component: mounted with one key, it changes in place and keeps focus and scroll."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.frontend.gpus.cards import Board, as_json
from dashboard.frontend.modules import component_script

FOLDER = Path(__file__).parent


@cache
def _component() -> Any:
    return st.components.v2.component(
        "batchscribe_board",
        css=(FOLDER / "board.css").read_text(encoding="utf-8"),
        js=component_script("gpus/board.js"),
    )


def show_board(board: Board) -> str:
    """Show the board and return the id of the batch that the user wants to see; empty if there is none."""
    result = _component()(data=as_json(board), key="board", on_batch_change=lambda: None)
    return str(getattr(result, "batch", None) or "")
