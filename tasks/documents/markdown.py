"""The transcript as Markdown: title, facts, headings, and paragraphs behind the times at which they begin."""

import re

from tasks.documents.head import facts, plain
from tasks.documents.material import Material
from tasks.transcription.gaps import clock

_SIGNS = re.compile(r"[\\`*_\[\]<~]|&(?=#?\w+;)|(?<= )#")


def to_markdown(material: Material) -> str:
    """Return the transcript as CommonMark."""
    blocks = [f"# {_escaped(material.job.name)}", _escaped(facts(material))]
    for paragraph in material.paragraphs:
        text = _escaped(paragraph.text)
        voice = f"**{_escaped(paragraph.voice)}:** " if paragraph.voice else ""
        blocks.append(f"## {voice}{text}" if paragraph.is_heading else f"[{clock(paragraph.start)}] {voice}{text}")
    return "\n\n".join(blocks) + "\n"


def _escaped(text: str) -> str:
    """Return *text* so that nothing in it counts as Markdown or HTML: names and speech are full of signs."""
    return _SIGNS.sub(r"\\\g<0>", plain(text))
