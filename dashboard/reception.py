"""
Receive the bytes of one upload: to the local disk, in constant memory, with their checksum.

The event loop fills a block of four mebibytes and hands it to a thread, which hashes and writes it while the loop fills
the other one: a hop for each block costs a fraction of one for each chunk, and two blocks are all the memory that an
upload takes. `tasks.part_file` is what they are written to.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from dashboard.threads import WRITE_THREADS, in_thread

BLOCK_BYTES = 2**22


async def receive(chunks: AsyncIterator[bytes], feed: Callable[[memoryview], None], *, idle_seconds: float) -> int:
    """
    Give all *chunks* to *feed*, a block at a time and in a thread, and return the number of bytes.

    Raises `TimeoutError` if nothing arrives for *idle_seconds*, and what *feed* raises.
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
        """Have what was taken written, as soon as the block before it is. Raises what writing that one raised."""
        await self.written()
        content = memoryview(self._filling)[: self._filled]
        self._writing = asyncio.create_task(in_thread(WRITE_THREADS, self._write, content))
        self._filling, self._other, self._filled = self._other, self._filling, 0

    async def written(self) -> None:
        """Wait until nothing is being written any more. Raises what the writing raised."""
        if (writing := self._writing) is not None:
            self._writing = None
            await writing
