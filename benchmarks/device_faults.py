"""
Faults of a device, and whether the next job finds it healed.

On a GPU they are real: its memory is filled by PyTorch, its context is destroyed by CUDA's runtime. On a CPU the error
that CTranslate2 would raise is raised in the model's place.
"""

import contextlib
import ctypes
import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tasks.errors import DeviceFailed
from tasks.options import WhisperTask
from tasks.transcription.backend import Chunk, device_error
from tasks.transcription.known_answer import CLIP, check_answer
from tasks.transcription.model_manager import Engines, LoadedModel, PlacedModel
from tasks.transcription.sound import decode
from tasks.transcription.vad import find_speech

OUT_OF_MEMORY = "CUDA failed with error out of memory"
LOST = "CUDA failed with error unspecified launch failure"
CHUNKS = {"cuda": 128, "cpu": 4}
FITS_ON_CPU = 1
LEFT_BYTES = 512 * 2**20
"""Memory that is left of a GPU: less than a batch of 64 chunks needs, and more than one chunk."""
LOSS_SECONDS = 120.0


def run_out_of_memory(placed: PlacedModel) -> dict[str, Any]:
    """Return the batch size before and after memory ran out, and the share of the chunks that were written down."""
    kind = placed.device.kind
    placed = replace(placed, device=placed.device.model_copy(update={"batch_size": 64 if kind == "cuda" else 4}))
    engines = Engines()
    with engines.use(placed) as loaded:
        before = loaded.engine.batch_size
        chunks = _chunks(loaded, CHUNKS[kind])
        with _filled_memory() if kind == "cuda" else _failing(loaded, OUT_OF_MEMORY, above=FITS_ON_CPU):
            texts = list(loaded.engine.texts(iter(chunks), cancelled=lambda: False))
        after, compute_type = loaded.engine.batch_size, loaded.backend.compute_type
    engines.unload_idle()
    done = sum(bool(text.text.strip()) for _, text in texts) / len(chunks)
    return {"batch_before": before, "batch_after": after, "compute_type_after": compute_type, "done": done}


def lose_device(placed: PlacedModel) -> dict[str, Any]:
    """Return what the loss was taken for; *healed* is 1 if that was right and a fresh engine or process works."""
    if placed.device.kind == "cuda":
        told = _in_process(_destroy_context, placed)
        healed = "DeviceFailed" in told and _in_process(_hear, placed) == "heard"
        return {"told": told, "healed": float(healed)}
    engines = Engines()
    told = "nothing"
    with engines.use(placed) as loaded, _failing(loaded, LOST, above=0):
        try:
            check_answer(loaded)
        except DeviceFailed as error:
            told = f"DeviceFailed: {error}"
    with engines.use(placed) as loaded:
        check_answer(loaded)
    engines.unload_idle()
    return {"told": told, "healed": float(told.startswith("DeviceFailed"))}


def _chunks(loaded: LoadedModel, count: int) -> list[Chunk]:
    """Return the known clip so many times, as chunks of 30 s."""
    speech = find_speech(
        decode(CLIP, name=CLIP.name, cancelled=lambda: False), cancelled=lambda: False, on_progress=lambda _: None
    )
    decoding = loaded.backend.decoding("en", WhisperTask.TRANSCRIBE, ())
    return [loaded.backend.chunk(speech.chunks[0], decoding) for _ in range(count)]


@contextlib.contextmanager
def _failing(loaded: LoadedModel, error: str, *, above: int) -> Iterator[None]:
    """Have the model fail with *error* for batches of more than *above* chunks."""
    forward = loaded.backend.forward

    def fail(batch: Sequence[Chunk]) -> Any:
        if len(batch) > above:
            raise device_error(RuntimeError(error))
        return forward(batch)

    loaded.backend.forward = fail  # type: ignore[method-assign]  # a fault
    try:
        yield
    finally:
        del loaded.backend.forward


@contextlib.contextmanager
def _filled_memory() -> Iterator[None]:
    """Leave little of the GPU's memory."""
    import torch

    free, _ = torch.cuda.mem_get_info()
    held = torch.empty(max(free - LEFT_BYTES, 0), dtype=torch.uint8, device="cuda")
    try:
        yield
    finally:
        del held
        torch.cuda.empty_cache()


def _in_process(work: Callable[[PlacedModel, Any], None], placed: PlacedModel) -> str:
    """Return what *work* told from a process of its own; a lost context takes the process along."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(placed, theirs))
    process.start()
    theirs.close()
    try:
        told = str(ours.recv()) if ours.poll(LOSS_SECONDS) else "nothing in time"
    except EOFError:
        told = "its process died"
    process.kill()
    process.join()
    return told


def _destroy_context(placed: PlacedModel, pipe: Any) -> None:
    engines = Engines()
    with engines.use(placed) as loaded:
        check_answer(loaded)
        runtime = ctypes.CDLL("libcudart.so.12")
        losing = threading.Thread(target=runtime.cudaDeviceReset)
        losing.start()
        losing.join()
        try:
            check_answer(loaded)
            pipe.send("nothing: it went on")
        except Exception as error:  # noqa: BLE001 - its class is the result
            pipe.send(f"{type(error).__name__}: {error}")


def _hear(placed: PlacedModel, pipe: Any) -> None:
    engines = Engines()
    with engines.use(placed) as loaded:
        check_answer(loaded)
    pipe.send("heard")
