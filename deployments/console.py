"""What `make up` writes on the terminal: one line per event, with the time and the name of the process."""

import sys
import threading
import time
from typing import TextIO

from deployments.log_lines import Level, LogLine

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
