"""Escaping of foreign text for Streamlit's Markdown."""

import re

_SIGNS = re.compile(r"([!-/:-@\[-`{-~])")


def plain(text: str) -> str:
    """Return Markdown that shows *text* as it is, on one line, whatever characters a file name holds."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """
    Return Markdown that shows a path or a pattern as it is, on one line, in the font of code.

    Unlike with `plain`, text that looks like a URL or an e-mail address does not become a link.
    """
    line = " ".join(text.split())
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    return f"{fence} {line} {fence}"
