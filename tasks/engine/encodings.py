"""Arrays on their way between numpy and CTranslate2."""

from collections.abc import Sequence
from typing import Any

import ctranslate2
import numpy as np

from tasks.engine.backend import Floats


def storage(array: Floats) -> Any:
    """Return *array* as CTranslate2 takes it, without a copy where its rows lie one after the other."""
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(array))


def rows_of(encoded: Any, rows: Sequence[int]) -> Any:
    """Return some rows of an encoder output; CTranslate2 cannot slice, so it is done in the machine's own memory."""
    on_host = encoded if encoded.device == "cpu" else encoded.to_device(ctranslate2.Device.cpu)
    return storage(np.asarray(on_host)[list(rows)])
