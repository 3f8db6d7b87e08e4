"""Measures of a benchmark against their goals: a table to read, a file for other programs."""

import argparse
import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure and its goal: the most it may be, or with *at_least* the least it must be."""

    value: float
    goal: float
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """True if the goal is reached."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{self.value:10.3f}   {sign} {self.goal:<6g} {'holds' if self.holds else 'missed'}"


def arguments_of(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the common options. From here on SIGTERM ends the processes of the benchmark, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write {measure: {value, goal, holds}}")
    return parser


def conclude(
    measures: Mapping[str, Measure], json_file: Path | None, *, found: Mapping[str, object] | None = None
) -> None:
    """
    Print the measures, write them to *json_file* if there is one, and exit with 1 if a goal is missed.

    *found* is written beside them, under its own name: what a benchmark has seen that is no measure.
    """
    print()
    width = max(map(len, measures), default=0)
    for name, measure in measures.items():
        print(f"{name:{width}}{measure}")
    if json_file is not None:
        record: dict[str, object] = {"found": found} if found else {}
        record |= {name: {"value": one.value, "goal": one.goal, "holds": one.holds} for name, one in measures.items()}
        json_file.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if not all(measure.holds for measure in measures.values()):
        raise SystemExit(1)
