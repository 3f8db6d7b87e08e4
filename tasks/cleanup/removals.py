"""The removals of a clean-up: things with their size and age, each with the reason, and the report of them all."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tasks.names import display_name

MAX_LISTED = 500
"""Things that a report names one by one; the rest is counted."""


class Location(StrEnum):
    """The place where a thing is kept."""

    STORE = "store"
    UPLOADS = "uploads"
    WORK = "work"
    PREFECT = "prefect"


@dataclass(frozen=True, slots=True)
class StoredItem:
    """
    Something that takes up space; *size* in bytes, *modified* in UTC.

    Its name is a key of the store, a path below the folder of the uploads, or a folder below the work folder.
    """

    place: Location
    name: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Removal:
    """A thing to remove, and the reason."""

    held: StoredItem
    why: str


def outcome(removals: Sequence[Removal], *, dry_run: bool) -> str:
    """Return one sentence on what was removed, or would be."""
    if not removals:
        return "Nothing to clean up."
    things = "1 thing" if len(removals) == 1 else f"{len(removals)} things"
    verb = "would be removed (dry run)" if dry_run else "removed"
    return f"{things} {verb}, {in_bytes(sum(removal.held.size for removal in removals))}."


def report(removals: Sequence[Removal], kept: Sequence[str], *, dry_run: bool) -> str:
    """Return the report in Markdown: how much for which reason, then each thing; and what had to stay."""
    lines = ["# Clean-up", "", f"**{outcome(removals, dry_run=dry_run)}**"]
    if removals:
        lines += ["", "| why | things | size |", "|---|---|---|", *_reasons(removals)]
        lines += ["", "| what | where | size | why |", "|---|---|---|---|", *map(_row, removals[:MAX_LISTED])]
    if len(removals) > MAX_LISTED:
        lines += ["", f"And {len(removals) - MAX_LISTED} more."]
    if kept:
        lines += ["", "## Left alone", "", *(f"- {_cell(sentence)}" for sentence in kept)]
    return "\n".join(lines) + "\n"


def _reasons(removals: Sequence[Removal]) -> list[str]:
    sizes: dict[str, list[int]] = defaultdict(list)
    for removal in removals:
        sizes[removal.why].append(removal.held.size)
    ordered = sorted(sizes.items(), key=lambda item: (-sum(item[1]), item[0]))
    return [f"| {_cell(why)} | {len(each)} | {in_bytes(sum(each))} |" for why, each in ordered]


def _row(removal: Removal) -> str:
    held = removal.held
    return f"| {_cell(display_name(held.name))} | {held.place} | {in_bytes(held.size)} | {_cell(removal.why)} |"


def _cell(text: str) -> str:
    """Return *text* so that a table in Markdown shows it as it is."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>|#~" else letter for letter in text)


def in_bytes(size: int) -> str:
    """Return a size for display: ``812 B``, ``3.4 MB``."""
    if size < 1000:  # noqa: PLR2004 - bytes of a kilobyte
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:  # noqa: PLR2004 - would be written as 1000.0
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"
