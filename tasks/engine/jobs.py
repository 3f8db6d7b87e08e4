"""One recording on its way through the engine."""

from tasks.engine.backend import Chunk, ChunkText


class EngineJob:
    """
    Which chunks of one recording went in, which texts came out, and what is next in order.

    It has no lock of its own: the engine calls it under its lock.
    """

    def __init__(self) -> None:
        self.feeding = True
        self.error: Exception | None = None
        self._chunks: dict[int, Chunk] = {}
        self._texts: dict[int, ChunkText] = {}
        self._admitted = 0
        self._next = 0

    @property
    def pending(self) -> int:
        """Chunks that have no text yet."""
        return len(self._chunks) - len(self._texts)

    def admit(self, chunk: Chunk) -> int:
        """Return the index of the new chunk, its place in the recording."""
        index = self._admitted
        self._chunks[index] = chunk
        self._admitted += 1
        return index

    def deliver(self, index: int, text: ChunkText) -> None:
        """Keep the text of a chunk until it is its turn. Chunks may come in any order."""
        self._texts[index] = text

    def hand_out(self) -> list[tuple[Chunk, ChunkText]]:
        """Return the chunks that come next in the recording and have their text; each is returned once."""
        ready = []
        while self._next in self._texts:
            ready.append((self._chunks.pop(self._next), self._texts.pop(self._next)))
            self._next += 1
        return ready
