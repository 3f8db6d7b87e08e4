"""Text of other people in Streamlit's Markdown."""

import re

_SIGNS = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """Return Markdown that shows *text* as it is, on one line, whatever signs a file name holds."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))
