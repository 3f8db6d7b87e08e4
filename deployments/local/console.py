"""The terminal output of `make up`: one line per event, with the time and the name of the process."""

import re
import sys
import threading
import time
from dataclasses import dataclass
from enum import IntEnum
from typing import TextIO


class Level(IntEnum):
    """Severity of a line; the numbers are those of `logging`."""

    INFO = 20
    WARNING = 30
    ERROR = 40


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line worth showing."""

    level: Level
    text: str


READY = "The worker is ready"
"""Beginning of the log line with which a worker says that its server knows it."""

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


def console_line(line: str) -> LogLine | None:
    """Return the part of *line* to show to the user, or None."""
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


NAME_WIDTH = 10
_COLOURS = {Level.WARNING: "33", Level.ERROR: "31"}


class Console:
    """Writes lines to a stream; with colours if it is a terminal."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._colours = stream.isatty()
        self._closed = False
        self._writing = threading.Lock()

    def say(self, name: str, text: str, level: Level = Level.INFO) -> None:
        """Write one line. A terminal that was closed meanwhile ends the writing, not the processes."""
        if self._closed:
            return
        painted = self._paint(text, _COLOURS.get(level, ""))
        line = f"{time.strftime('%H:%M:%S')}  {self._paint(f'{name:<{NAME_WIDTH}}', '2')}  {painted}\n"
        try:
            with self._writing:
                self._stream.write(line)
                self._stream.flush()
        except (OSError, ValueError):
            self._closed = True

    def show(self, name: str, line: LogLine) -> None:
        """Write a line of a process."""
        self.say(name, line.text, line.level)

    def _paint(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colours and colour else text
