"""
Receive the bytes of one upload: to the local disk, in constant memory, with their checksum.

The event loop fills a block of four mebibytes and hands it to a thread, which hashes and writes it while the loop fills
the other one: a hop for each block costs a fraction of one for each chunk, and two blocks are all the memory that an
upload takes. They are written through `tasks.storage.part_file`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from dashboard.services.threads import WRITE_THREADS, in_thread
from tasks.errors import UploadBrokenOff, UploadRejected, UploadStalled

BLOCK_BYTES = 2**22


async def receive(chunks: AsyncIterator[bytes], feed: Callable[[memoryview], None], *, idle_seconds: float) -> int:
    """
    Give all *chunks* to *feed*, a block at a time and in a thread, and return the number of bytes.

    Raises `TimeoutError` if nothing arrives for *idle_seconds*, and any error of *feed*.
    """
    loop = asyncio.get_running_loop()
    received = 0
    blocks = _Blocks(feed)
    try:
        async with asyncio.timeout(idle_seconds) as patience:
            async for chunk in chunks:
                received += len(chunk)
                rest = memoryview(chunk)
                while rest := rest[blocks.take(rest) :]:
                    patience.reschedule(None)  # a slow disk is not the sender's fault
                    await blocks.hand_over()
                patience.reschedule(loop.time() + idle_seconds)
        await blocks.hand_over()
    finally:
        await blocks.written()
    return received


class FileBody(Protocol):
    """
    A file that comes from somewhere.

    ``length`` is what is announced, in bytes, and ``least_file_bytes`` how many of them the file has at least.
    """

    @property
    def length(self) -> int: ...  # noqa: D102 - see the class

    @property
    def least_file_bytes(self) -> int: ...  # noqa: D102 - see the class

    @property
    def has_exact_size(self) -> bool:
        """True if the file has exactly ``length`` bytes, and its path is known before they come."""
        ...

    async def receive(
        self, path: str, write: Callable[[bytes | memoryview], None], check_path: Callable[[str], str]
    ) -> str:
        """
        Give the file to *write* and return its path: *path*, or another one that comes with it.

        *check_path* returns a path as it is kept, or raises `UploadRejected`; it is called before the first byte.
        """
        ...


class UploadBody:
    """
    The body of a request that brings one file: raw, or as the field ``file`` of a form.

    ``length`` is what the request announces, in bytes; ``left`` is True as long as some of it was not read, ``stalled``
    if nothing came for too long.
    """

    def __init__(self, chunks: AsyncIterator[bytes], *, length: int, content_type: str, idle_seconds: float) -> None:
        self._chunks = chunks
        self._idle_seconds = idle_seconds
        self.length = length
        self.boundary = boundary_of(content_type)
        self.left = True
        self.stalled = False

    @property
    def has_exact_size(self) -> bool:
        """True of a raw body; a form has parts beside its file, and names it."""
        return self.boundary is None

    @property
    def least_file_bytes(self) -> int:
        """The file has so many bytes at least: a form has parts beside it."""
        return self.length if self.boundary is None else max(0, self.length - OVERHEAD_BYTES)

    async def receive(
        self, path: str, write: Callable[[bytes | memoryview], None], check_path: Callable[[str], str]
    ) -> str:
        """
        Give the file to *write* and return its path: *path*, or the name that a form gives the file.

        *check_path* returns a path as it is kept, or raises `UploadRejected`; it is called before the first byte.
        Raises `UploadBrokenOff` and `UploadStalled` as well, and any error of *write*.
        """
        if self.boundary is None:
            kept = check_path(path)
            await self._feed(write)
            return kept
        form = FormFile(self.boundary, check_name=lambda name: check_path(path or name), write=write)
        await self._feed(form.feed)
        form.finish()
        return check_path(path or form.name)

    async def _feed(self, feed: Callable[[memoryview], None]) -> None:
        try:
            received = await receive(self._chunks, feed, idle_seconds=self._idle_seconds)
        except ClientDisconnect as error:
            msg = "The connection ended before the file was complete. Send the file again."
            raise UploadBrokenOff(msg) from error
        except TimeoutError as error:
            self.stalled = True
            msg = f"Nothing was received for {self._idle_seconds:g} seconds, so the upload was given up. Send it again."
            raise UploadStalled(msg) from error
        self.left = False
        if received != self.length:
            msg = f"{received} bytes were received, and {self.length} were announced. Send the file again."
            raise UploadBrokenOff(msg)


class _Blocks:
    """Two blocks of bytes, of which one is filled while the other is written."""

    def __init__(self, write: Callable[[memoryview], None]) -> None:
        self._write = write
        self._filling, self._other = bytearray(BLOCK_BYTES), bytearray(BLOCK_BYTES)
        self._filled = 0
        self._writing: asyncio.Task[None] | None = None

    def take(self, content: memoryview) -> int:
        """Copy as much of *content* as there is room for, and return how much that is."""
        size = min(len(content), BLOCK_BYTES - self._filled)
        self._filling[self._filled : self._filled + size] = content[:size]
        self._filled += size
        return size

    async def hand_over(self) -> None:
        """Start writing the filled block once the one before it is written. Raises any error of writing that one."""
        await self.written()
        content = memoryview(self._filling)[: self._filled]
        self._writing = asyncio.create_task(in_thread(WRITE_THREADS, self._write, content))
        self._filling, self._other, self._filled = self._other, self._filling, 0

    async def written(self) -> None:
        """Wait until nothing is being written any more. Raises any error of the writing."""
        if (writing := self._writing) is not None:
            self._writing = None
            await writing


FIELD = "file"
OVERHEAD_BYTES = 64 * 1024
"""Room for boundaries and headers around a file: more than any client sends."""


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary of a multipart body, or None if *content_type* is that of a raw body."""
    kind, parameters = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return None
    boundary = parameters.get(b"boundary")
    if not boundary:
        msg = "The multipart body has no boundary. Let the client set the Content-Type."
        raise UploadRejected(msg)
    return boundary


class FormFile:
    """
    A push parser: takes the body in pieces of any size and passes on the bytes of the field ``file``.

    *check_name* gets the file's name before the first byte; an error it raises ends the parsing. Other fields, and a
    second file, are refused. Raises `UploadRejected`.
    """

    def __init__(self, boundary: bytes, *, check_name: Callable[[str], object], write: Callable[[bytes], None]) -> None:
        self.name = ""
        self._check_name = check_name
        self._write = write
        self._begun = False
        self._ended = False
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_header_name,
                "on_header_value": self._add_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._add_content,
                "on_end": self._end,
            },
        )

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next piece of the body."""
        try:
            self._parser.write(bytes(piece))
        except MultipartParseError as error:
            msg = f"The multipart body cannot be read ({error}). Send the file as one field named {FIELD}."
            raise UploadRejected(msg) from error

    def finish(self) -> None:
        """Check that the body was complete."""
        if not self._ended or not self._begun:
            msg = f"The multipart body holds no complete file. Send it as one field named {FIELD}."
            raise UploadRejected(msg)

    def _begin_part(self) -> None:
        self._disposition = b""

    def _add_header_name(self, body: bytes, start: int, end: int) -> None:
        self._header_name += body[start:end]

    def _add_header_value(self, body: bytes, start: int, end: int) -> None:
        self._header_value += body[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _end_headers(self) -> None:
        _, parameters = parse_options_header(self._disposition)
        field = parameters.get(b"name", b"").decode("utf-8", errors="replace")
        if field != FIELD or self._begun:
            msg = (
                f"The multipart body holds the field {field!r}. Send one file, as the field {FIELD}, and nothing else."
            )
            raise UploadRejected(msg)
        self._begun = True
        self.name = _file_name(parameters.get(b"filename", b""))
        self._check_name(self.name)

    def _add_content(self, body: bytes, start: int, end: int) -> None:
        self._write(body[start:end])

    def _end(self) -> None:
        self._ended = True


def _file_name(quoted: bytes) -> str:
    """Return a file name as browsers write it: UTF-8, with quotation marks and line breaks percent-encoded."""
    name = quoted.decode("utf-8", errors="surrogateescape")
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
