"""Links: the recordings that they lead to, and their download into a batch."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from dashboard.links.process import LinkReader, can_read_links, deno, reading
from dashboard.links.protocol import LinkedRecording, LinkNews, LinkRequest
from dashboard.services.open_batches import too_large
from dashboard.services.threads import WRITE_THREADS, in_thread
from dashboard.services.upload_file import receive
from dashboard.services.uploads import UploadService
from tasks.batches import Upload
from tasks.errors import DiskFull, LinkUnreadable
from tasks.names import display_name
from tasks.options import JobOptions
from tasks.settings import Settings
from tasks.storage.part_file import free_bytes

MOST_RECORDINGS = 1000
MOST_LINK_CHARACTERS = 4000
LOOK_SECONDS = 120.0
MOST_LOOKS = 4
MOST_DOWNLOADS = 8
"""Links that are read at the same time, each by a process with 60 MB; further ones wait for their turn."""

BYTES_BETWEEN_LOOKS_AT_DISK = 2**26
UNFIT_FOR_NAMES = re.compile(r"\s*[\x00-\x1f\x7f]+\s*")
MOST_NAME_CHARACTERS = 150


@dataclass(frozen=True, slots=True)
class FoundByLink:
    """The recordings that a link leads to, with the names that they would have; *title* is that of a playlist."""

    title: str
    recordings: tuple[tuple[LinkedRecording, str], ...]
    more: bool
    """True if there are more than are told."""


@dataclass(slots=True)
class LinkProgress:
    """The progress of a download, in bytes; *size* is None as long as it is not known."""

    received: int = 0
    size: int | None = None


class LinkService:
    """Looks where links lead to, and takes the recordings into batches."""

    def __init__(self, intake: UploadService, settings: Settings) -> None:
        self._intake = intake
        self._settings = settings
        self._looks = asyncio.Semaphore(MOST_LOOKS)
        self._downloads = asyncio.Semaphore(MOST_DOWNLOADS)
        self._networks = tuple(settings.link_networks.replace(",", " ").split())

    @property
    def available(self) -> bool:
        """True if links can be read on this installation."""
        return can_read_links()

    async def look(self, link: str) -> FoundByLink:
        """Return the recordings that the link leads to. Raises `LinkUnreadable` and `LinksUnavailable`."""
        title, found = "", []
        request = self._request(link, most=MOST_RECORDINGS + 1)
        try:
            async with self._looks, asyncio.timeout(LOOK_SECONDS), reading(request) as reader:
                async for news in reader.news():
                    title = title or news.title
                    if news.recording is not None:
                        found.append((news.recording, name_of(news.recording)))
        except TimeoutError as error:
            raise _silent(link, LOOK_SECONDS) from error
        if not found:
            msg = f"{display_name(link)} leads to no recording."
            raise LinkUnreadable(msg)
        is_list = len(found) > 1
        return FoundByLink(title if is_list else "", tuple(found[:MOST_RECORDINGS]), len(found) > MOST_RECORDINGS)

    async def receive(self, batch_id: str, link: str, path: str, options: JobOptions, progress: LinkProgress) -> Upload:
        """
        Download a recording into the batch, and return its record; *progress* is kept up to date.

        Without *path* it is called by its title. Raises `LinkUnreadable`, `LinksUnavailable`, and what
        `UploadService.receive` raises.
        """
        request = self._request(link, download=True)
        async with self._downloads, reading(request) as reader, aclosing(reader.news()) as news:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    begun = await anext(news, LinkNews())
            except TimeoutError as error:
                raise _silent(link, LOOK_SECONDS) from error
            if begun.recording is None:
                msg = f"{display_name(link)} leads to no recording."
                raise LinkUnreadable(msg)
            progress.size = begun.recording.size
            body = LinkBody(reader, news, progress, self._settings, check_disk=self._check_disk)
            return await self._intake.receive(batch_id, path or name_of(begun.recording), body, options)

    def _request(self, link: str, *, download: bool = False, most: int = 1) -> LinkRequest:
        if not re.match(r"https?://[^\s/]", link) or len(link) > MOST_LINK_CHARACTERS or re.search(r"\s", link):
            msg = f"{display_name(link)} is no link. Write the address of a page or file, from https:// on."
            raise LinkUnreadable(msg)
        return LinkRequest(link=link, download=download, most=most, networks=self._networks, deno=deno())

    async def _check_disk(self, needed: int) -> None:
        if await in_thread(WRITE_THREADS, free_bytes, self._settings) < max(needed, 1):
            msg = "The server's disk has no more room for uploads. Free some space on it, then add the link again."
            raise DiskFull(msg)


class LinkBody:
    """The bytes of a recording that is downloaded, as a file that `UploadService` receives."""

    length = least_file_bytes = 0
    """Nothing is sure before it comes: sites tell sizes that are estimates, or wrong."""
    has_exact_size = False

    def __init__(
        self,
        reader: LinkReader,
        news: AsyncIterator[LinkNews],
        progress: LinkProgress,
        settings: Settings,
        *,
        check_disk: Callable[[int], Awaitable[None]],
    ) -> None:
        self._reader = reader
        self._news = news
        self._progress = progress
        self._idle_seconds = settings.upload_idle_seconds
        self._most_bytes = settings.max_file_bytes
        self._sure_bytes = 0
        self._check_disk = check_disk

    async def receive(
        self, path: str, write: Callable[[bytes | memoryview], None], check_path: Callable[[str], str]
    ) -> str:
        """Give the recording to *write* and return its path. Raises `LinkUnreadable`, and any error of *write*."""
        kept = check_path(path)
        listening = asyncio.create_task(self._listen())
        try:
            received = await receive(self._counted(), write, idle_seconds=self._idle_seconds)
            await listening
        except TimeoutError as error:
            raise _silent(self._reader.link, self._idle_seconds) from error
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        if not received:
            msg = f"{display_name(self._reader.link)} can't be read: no byte of it came. Try again later."
            raise LinkUnreadable(msg)
        self._progress.size = received
        return kept

    async def _listen(self) -> None:
        """Take the news of the size, and of how it ended."""
        async for news in self._news:
            self._progress.size = news.size or self._progress.size
            self._sure_bytes = 0 if news.is_estimate else news.size or self._sure_bytes

    async def _counted(self) -> AsyncIterator[bytes]:
        looked_at = 0
        async for chunk in self._reader.chunks():
            self._progress.received += len(chunk)
            size = max(self._progress.received, self._sure_bytes)
            if size > self._most_bytes:
                raise too_large(size, self._most_bytes)
            if self._progress.received - looked_at > BYTES_BETWEEN_LOOKS_AT_DISK:
                looked_at = self._progress.received
                await self._check_disk(size - self._progress.received)
            yield chunk


def name_of(recording: LinkedRecording) -> str:
    """Return the name that a recording has as a file: its title, or what its link ends in, and its ending."""
    title = recording.title or unquote(urlsplit(recording.link).path.rstrip("/").rpartition("/")[2])
    name = UNFIT_FOR_NAMES.sub(" ", title).replace("/", "-").strip(" .")[:MOST_NAME_CHARACTERS] or "recording"
    ending = recording.ending.lower()
    fits = re.fullmatch(r"[a-z0-9]{1,8}", ending) and not ending.startswith("unknown")
    return f"{name}.{ending}" if fits and not name.lower().endswith(f".{ending}") else name


def _silent(link: str, seconds: float) -> LinkUnreadable:
    return LinkUnreadable(f"{display_name(link)} can't be read: nothing came for {seconds:g} seconds. Try again later.")
