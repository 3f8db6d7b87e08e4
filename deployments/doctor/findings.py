"""Findings: what was looked at, whether it is as it should be, and what to do. Standard library only."""

import io
import json
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum

NAME_WIDTH = 14


class Mark(StrEnum):
    """The three kinds of findings: only one that is wrong keeps the installation from its work."""

    RIGHT = "right"
    NOTICE = "notice"
    WRONG = "wrong"


SIGNS = {Mark.RIGHT: "✓", Mark.NOTICE: "!", Mark.WRONG: "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: its subject, its mark, and what was found and what to do."""

    subject: str
    mark: Mark
    text: str


def right(subject: str, text: str) -> Finding:
    """Return the finding that all is as it should be."""
    return Finding(subject, Mark.RIGHT, text)


def notice(subject: str, text: str) -> Finding:
    """Return a finding that is worth knowing, and keeps nothing from working."""
    return Finding(subject, Mark.NOTICE, text)


def wrong(subject: str, text: str) -> Finding:
    """Return the finding of a fault, with its remedy in *text*."""
    return Finding(subject, Mark.WRONG, text)


Findings = Iterable[Finding]


def guarded(subject: str, look: Callable[[], Findings]) -> list[Finding]:
    """Return what *look* finds; an error in it is a finding as well, so that one look does not end the others."""
    try:
        return list(look())
    except Exception as error:  # noqa: BLE001 - as said
        return [wrong(subject, f"Looking at it ended in an unexpected error ({type(error).__name__}: {error}).")]


class Report:
    """Prints findings as they come, or all of them as JSON at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._findings: list[Finding] = []
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal without the signs still gets the sentences

    def add(self, findings: Findings) -> None:
        """Take findings in, and print them as lines."""
        for finding in findings:
            self._findings.append(finding)
            if not self._as_json:
                text = " ".join(finding.text.split())
                sys.stdout.write(f"{SIGNS[finding.mark]} {finding.subject:<{NAME_WIDTH}}{text}\n")
                sys.stdout.flush()

    def add_when_done(self, looks: Iterable["Future[list[Finding]]"]) -> None:
        """Take in what looks find that go on side by side, in their order."""
        for look in looks:
            self.add(look.result())

    def conclude(self) -> int:
        """Print the conclusion and return the exit status."""
        faults = sum(finding.mark is Mark.WRONG for finding in self._findings)
        if self._as_json:
            lines = [{"subject": one.subject, "mark": one.mark, "text": one.text} for one in self._findings]
            sys.stdout.write(json.dumps({"ok": not faults, "findings": lines}, indent=2, ensure_ascii=False) + "\n")
        else:
            told = "Nothing is wrong." if not faults else f"{faults} thing{'s are' if faults > 1 else ' is'} wrong: ✗"
            sys.stdout.write(f"\n{told}\n")
        return 1 if faults else 0
