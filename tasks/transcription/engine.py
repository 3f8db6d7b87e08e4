"""The engine: one per device. It decides which chunks enter the model next and keeps recordings apart."""

import logging
import math
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from tasks.errors import DeviceFailed, TranscriptionError
from tasks.fair_queue import FairQueue
from tasks.transcription.backend import Backend, Chunk, ChunkText, OutOfMemory, TranscriptionCancelled
from tasks.transcription.watchdog import Answer, CallWatch


class EngineJob:
    """
    The progress of one recording: the chunks that went in, the texts that came out, and the next one in order.

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


logger = logging.getLogger(__name__)

CANCEL_CHECK_SECONDS = 0.1
LINGER_SECONDS = 0.1
"""Time that a batch that is not full waits for chunks that are being made. Making one takes some 10 ms."""

BATCHES_AHEAD = 2
"""Batches of chunks that a recording may have waiting; a chunk is about 1 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class _Turn:
    """A chunk of a job, on its way into the model."""

    job: EngineJob
    index: int
    chunk: Chunk


class Engine:
    """
    Owns a model and feeds it from several recordings at once.

    A batch takes chunks of all recordings in fair turns. A chunk that fails ends its own recording only; a batch that
    does not fit into the memory is halved, for good. *workers* threads call the model, one at a time each. If a call
    takes longer than *call_seconds*, the device counts as failed, and the callers that wait for it notice.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        batch_size: int,
        workers: int = 1,
        linger_seconds: float = LINGER_SECONDS,
        call_seconds: float = math.inf,
    ) -> None:
        self._backend = backend
        self._batch_size = batch_size
        self._workers = workers
        self._linger_seconds = linger_seconds
        self._changed = threading.Condition()
        self._line: FairQueue[EngineJob, _Turn] = FairQueue()
        self._jobs: set[EngineJob] = set()
        self._failure: Exception | None = None
        self._closed = False
        self._shrinking = threading.Lock()
        self._shrunk = 0
        self._watch = CallWatch(call_seconds)
        self._threads = [
            threading.Thread(target=self._work, name=f"engine-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def batch_size(self) -> int:
        """Maximum number of chunks that enter the model together; less than at the start if memory ran out."""
        return self._batch_size

    @property
    def failure(self) -> Exception | None:
        """The error that made the device unusable; None while it works."""
        return self._failure

    def texts(self, chunks: Iterable[Chunk], *, cancelled: Callable[[], bool]) -> Generator[tuple[Chunk, ChunkText]]:
        """
        Yield the chunks of one recording with their texts, in order, as they are done.

        *chunks* is read a little ahead of the model, in the thread of the caller. Raises `TranscriptionCancelled`
        soon after *cancelled* says so, `DeviceFailed`, or what the model raised for a chunk of this recording.
        """
        job = EngineJob()
        self._enter(job)
        try:
            for chunk in chunks:
                yield from self._collect(job, cancelled, pending=self._ahead - 1)
                self._admit(job, chunk)
            self._fed(job)
            while job.pending:
                yield from self._collect(job, cancelled, pending=max(job.pending - 1, 0))
            yield from self._collect(job, cancelled, pending=0)
        finally:
            self._leave(job)

    def ask(self, question: Callable[[], Answer], *, cancelled: Callable[[], bool]) -> Answer:
        """
        Return the answer to *question*, which calls the model for one recording, outside of the batches.

        It is asked in a thread of its own, which is left behind if *cancelled* says so. If the device runs out of
        memory, it is asked once more with the model made smaller. Raises the same as `texts`.
        """
        if self._failure is not None:
            raise self._failure
        shrunk = self._shrunk
        try:
            return self._answer(question, cancelled)
        except OutOfMemory:
            if not self._has_shrunk_since(shrunk):
                raise
        except DeviceFailed as error:
            self._fail(error)
            raise
        return self._answer(question, cancelled)

    def close(self) -> None:
        """
        Stop, and free the model. Recordings that are still on their way fail.

        Raises `DeviceFailed` if a call of the model has hung: then nothing can free it but the end of the process.
        """
        self._fail(DeviceFailed("The model was unloaded in the middle of the recording. Try it again."))
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if not self._watch.wait_for_end():
            raise self._hung()
        for thread in self._threads:
            thread.join()
        self._backend.close()

    @property
    def _ahead(self) -> int:
        return BATCHES_AHEAD * self._batch_size * self._workers

    def _enter(self, job: EngineJob) -> None:
        with self._changed:
            job.error = self._failure
            self._jobs.add(job)

    def _admit(self, job: EngineJob, chunk: Chunk) -> None:
        with self._changed:
            turn = _Turn(job, job.admit(chunk), chunk)
            # One call of the model takes prompts of one length.
            self._line.put(job, turn, cost=chunk.speech_seconds, kind=len(chunk.prompt))
            self._changed.notify_all()

    def _fed(self, job: EngineJob) -> None:
        with self._changed:
            job.feeding = False
            self._changed.notify_all()

    def _collect(self, job: EngineJob, cancelled: Callable[[], bool], *, pending: int) -> list[tuple[Chunk, ChunkText]]:
        """Wait until at most *pending* chunks of *job* have no text, and return those that come next."""
        while True:
            if cancelled():
                raise TranscriptionCancelled
            self._look_at_calls()
            with self._changed:
                if job.error is not None:
                    raise job.error
                if job.pending <= pending:
                    return job.hand_out()
                self._changed.wait(CANCEL_CHECK_SECONDS)

    def _answer(self, question: Callable[[], Answer], cancelled: Callable[[], bool]) -> Answer:
        answer = self._watch.start(question)
        answer.add_done_callback(lambda _: self._notify())
        while not answer.done():
            if cancelled():
                raise TranscriptionCancelled
            self._look_at_calls()
            with self._changed:
                if self._failure is not None:
                    raise self._failure
                self._changed.wait_for(answer.done, CANCEL_CHECK_SECONDS)
        return answer.result()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _look_at_calls(self) -> None:
        """Give up the device if a call of the model has hung."""
        if self._failure is None and self._watch.hung:
            error = self._hung()
            logger.error("engine stopped: %s", error)
            self._fail(error)

    def _hung(self) -> DeviceFailed:
        return DeviceFailed(
            f"The device has not answered for {self._watch.longest_seconds:.0f} s. Its process is started again; if "
            "this repeats, look at the GPU (nvidia-smi), or allow more: BATCHSCRIBE_MODEL_CALL_SECONDS."
        )

    def _leave(self, job: EngineJob) -> None:
        with self._changed:
            self._jobs.discard(job)
            self._line.leave(job)
            self._changed.notify_all()

    def _work(self) -> None:
        while (batch := self._next_batch()) is not None:
            self._run(batch)

    def _next_batch(self) -> list[_Turn] | None:
        """Return the next chunks for the model, none if another worker was faster, None if the engine is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._line))
            self._changed.wait_for(self._worth_starting, self._linger_seconds)
            if self._closed:
                return None
            share = -(-len(self._line) // self._workers)
            return [turn for _, turn in self._line.take(min(share, self._batch_size))]

    def _worth_starting(self) -> bool:
        return (
            self._closed
            or len(self._line) >= self._batch_size * self._workers
            or not any(job.feeding for job in self._jobs)
        )

    def _run(self, turns: list[_Turn]) -> None:
        with self._changed:
            batch = [turn for turn in turns if turn.job in self._jobs and turn.job.error is None]
        if not batch:
            return
        shrunk = self._shrunk
        try:
            with self._watch.calling():
                texts = self._backend.forward([turn.chunk for turn in batch])
        except Exception as error:  # noqa: BLE001 - whatever the model raises ends recordings, never the engine's thread
            self._recover(batch, error, shrunk)
            return
        with self._changed:
            for turn, text in zip(batch, texts, strict=True):
                turn.job.deliver(turn.index, text)
            self._changed.notify_all()

    def _recover(self, batch: list[_Turn], error: Exception, shrunk: int) -> None:
        """
        Find the chunk that *error* belongs to by halving *batch*, or give up the device if it is broken.

        *shrunk* is how often the model had been made smaller when *batch* entered it.
        """
        out_of_memory = isinstance(error, OutOfMemory)
        if isinstance(error, DeviceFailed) and not out_of_memory:
            logger.error("engine stopped: %s", error)
            self._fail(error)
            return
        if len(batch) == 1:
            self._recover_one(batch, error, shrunk)
            return
        half = len(batch) // 2
        if out_of_memory:
            with self._changed:
                self._batch_size = min(self._batch_size, max(half, 1))
            logger.warning("out of memory with a batch of %d chunks; from now on %d", len(batch), self._batch_size)
        self._run(batch[:half])
        self._run(batch[half:])

    def _recover_one(self, batch: list[_Turn], error: Exception, shrunk: int) -> None:
        if isinstance(error, OutOfMemory) and self._has_shrunk_since(shrunk):
            self._run(batch)
            return
        self._end(batch[0].job, error)

    def _has_shrunk_since(self, shrunk: int) -> bool:
        """Have the model made smaller, unless another worker was faster; return False if that is not possible."""
        with self._shrinking:
            return self._shrunk > shrunk or self._shrink()

    def _shrink(self) -> bool:
        """Let the model take up less memory; return False if that is not possible or fails."""
        try:
            shrunk = self._backend.shrink()
        except TranscriptionError as error:
            self._fail(error)
            return False
        if shrunk:
            self._shrunk += 1
            logger.warning("out of memory with a single chunk; the model now calculates with smaller numbers")
        return shrunk

    def _end(self, job: EngineJob, error: Exception) -> None:
        with self._changed:
            job.error = _reason(error)
            self._line.leave(job)
            self._changed.notify_all()

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self._failure = error
            for job in self._jobs:
                job.error = job.error or error
                self._line.leave(job)
            self._changed.notify_all()


def _reason(error: Exception) -> Exception:
    """Return the error that is shown to users for *error* in a single chunk."""
    if isinstance(error, TranscriptionError):
        return error
    reason = TranscriptionError(f"The model failed on a part of the recording ({error}). Try the job again.")
    reason.__cause__ = error
    return reason
