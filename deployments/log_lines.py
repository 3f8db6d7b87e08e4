"""
Which lines of a process a person sees while it runs. All of them are in its log file.

Shown are warnings, and what flow runs say; not the banners, the access log and the housekeeping of the servers.
"""

import re
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How grave a line is; the numbers are those of `logging`."""

    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line worth showing."""

    level: Level
    text: str


READY = "The worker is ready"
"""How a worker begins the line in its log with which it says that its server knows it."""

_FORMATS = (
    re.compile(r"\d\d:\d\d:\d\d\.\d{3} \| (?P<level>[A-Z]+) *\| (?P<text>.*)"),  # Prefect
    re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ (?P<level>[A-Z]+) (?P<text>.*)"),  # the dashboard
    re.compile(r"(?P<level>[A-Z]+): {1,8}(?P<text>\S.*)"),  # uvicorn
)
_LEVELS = {"INFO": Level.INFO, "WARNING": Level.WARNING, "ERROR": Level.ERROR, "CRITICAL": Level.ERROR}
_OF_RUN = re.compile(r"(Flow|Task) run '(?P<run>.*?)' - (?P<said>.*)")
_OURS = re.compile(r"batchscribe|dashboard|deployments|flows|tasks")
_OUR_LOGGER = re.compile(r"(prefect\.workers|batchscribe)\S* - ")
_RUN_HOUSEKEEPING = re.compile(r"Beginning (sub)?flow run|Created |View at |Finished in state (Completed|Cached)")
# SQLite lets one write at a time: now and then one of the server's own is refused, and comes again with the next beat.
_HARMLESS = re.compile(r".*Worker channel heartbeat persistence failed")


def shown(line: str) -> LogLine | None:
    """Return what a person sees of *line*, or None."""
    match = next((match for form in _FORMATS if (match := form.fullmatch(line))), None)
    if match is None or match["level"] not in _LEVELS:
        return None
    level, text = _LEVELS[match["level"]], match["text"]
    if of_run := _OF_RUN.fullmatch(text):
        housekeeping = level is Level.INFO and _RUN_HOUSEKEEPING.match(of_run["said"])
        return None if housekeeping else LogLine(level, f"{of_run['run']}: {of_run['said']}")
    if level is Level.INFO and not _OURS.match(text):
        return None
    return LogLine(level, _OUR_LOGGER.sub("", text, count=1))
