"""The program that reads a link, as the dashboard runs it: begun, listened to, and ended with all that it began."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from dashboard.links.protocol import LinkNews, LinkRequest
from tasks.errors import LinksUnavailable, LinkUnreadable
from tasks.names import display_name

PROGRAM = "dashboard.links.reader"
MOST_LINE_BYTES = 2**20
MOST_SHOWN = 200


def can_read_links() -> bool:
    """Return whether the extra ``links`` is installed."""
    return find_spec("yt_dlp") is not None


def deno() -> str:
    """Return the program that runs the scripts of video sites, beside this Python; empty if there is none."""
    program = Path(sys.executable).parent / "deno"
    return str(program) if program.is_file() else ""


class LinkReader:
    """A running program; ``chunks`` yields what it downloads, ``news`` what it tells."""

    def __init__(self, process: asyncio.subprocess.Process, link: str) -> None:
        self._process = process
        self.link = link

    async def news(self) -> AsyncGenerator[LinkNews, None]:
        """Yield what the program tells, to its end. Raises `LinkUnreadable`."""
        assert self._process.stderr is not None  # noqa: S101 - a pipe
        last = ""
        async for line in self._process.stderr:
            last = line.decode(errors="replace").strip()
            try:
                news = LinkNews.model_validate_json(last)
            except ValidationError:
                continue  # a library's own words; the last of them may tell why it failed
            if news.problem:
                raise _unreadable(self.link, news.problem, news.refused)
            yield news
        if await self._process.wait():
            raise _unreadable(self.link, last[-MOST_SHOWN:] or "its reader ended early")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the recording's bytes."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        while chunk := await self._process.stdout.read(2**16):
            yield chunk


@asynccontextmanager
async def reading(request: LinkRequest) -> AsyncIterator[LinkReader]:
    """Yield the program that reads the link; it ends with the context. Raises `LinksUnavailable`."""
    if not can_read_links():
        msg = "Links can't be read on this installation. Install what reads them: make links"
        raise LinksUnavailable(msg)
    # Pieces of a recording come to lie here one by one.
    with tempfile.TemporaryDirectory(prefix="batchscribe-link-") as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=MOST_LINE_BYTES,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
        try:
            assert process.stdin is not None  # noqa: S101 - a pipe
            with contextlib.suppress(ConnectionError):  # it ended; why is told by its news
                process.stdin.write(request.model_dump_json().encode())
                await process.stdin.drain()
            process.stdin.close()
            yield LinkReader(process, request.link)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _environment(folder: str) -> dict[str, str]:
    """Return what the program needs to know: nothing of this installation, whose secrets are no link's business."""
    kept = ("LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    known = {name: os.environ[name] for name in (*kept, *map(str.lower, kept)) if name in os.environ}
    return {**known, "HOME": folder, "TMPDIR": folder, "PATH": folder}


def _unreadable(link: str, problem: str, refused: str = "") -> LinkUnreadable:
    named = display_name(link, MOST_SHOWN)
    if refused:
        msg = (
            f"{named} leads to {refused}, which is no address of the public internet. An operator can allow its "
            "network by BATCHSCRIBE_LINK_NETWORKS."
        )
        return LinkUnreadable(msg)
    return LinkUnreadable(f"{named} can't be read: {problem}. Check that it plays in a browser without signing in.")
