"""What errors of CTranslate2 mean."""

from tasks.core.errors import DeviceFailed
from tasks.engine.backend import OutOfMemory

MEMORY_SIGNS = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
DEVICE_SIGNS = ("CUDA", "cuBLAS", "cuDNN", "CUDNN", "is not found or cannot be loaded", "compute type")
"""The last two: a library of CUDA's is missing on this machine; the GPU lacks the number format that is asked for."""


def device_error(error: RuntimeError | ValueError | MemoryError) -> Exception:
    """
    Return *error* as `OutOfMemory` or `DeviceFailed`, or as it is if it is about neither.

    CTranslate2 has no classes of its own for them, so the text decides.
    """
    text = str(error)
    if isinstance(error, MemoryError) or any(sign in text for sign in MEMORY_SIGNS):
        return OutOfMemory(f"The device ran out of memory ({text or 'no details'}). Choose a smaller model.")
    if any(sign in text for sign in DEVICE_SIGNS):
        return DeviceFailed(f"The device does not work ({text}). Retry the job; if this repeats, restart the worker.")
    return error
