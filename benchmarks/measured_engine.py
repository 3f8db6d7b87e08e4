"""The real flow of a recording with the real model: each use of the model is noted with its start and end."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flows.transcribe_recording as real
from tasks.settings import Settings
from tasks.transcription.model_manager import Engines, LoadedModel

_use = Engines.use


@contextmanager
def _noted_use(*arguments: Any, **named: Any) -> Iterator[LoadedModel]:
    settings = Settings()
    name = settings.device.name if settings.device else "device"
    with _use(*arguments, **named) as loaded:
        taken = time.time()
        try:
            yield loaded
        finally:
            with (settings.data / f"{name}.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps([taken, time.time()]) + "\n")


Engines.use = _noted_use  # type: ignore[method-assign]  # the same signature
warm_up = real.warm_up
transcribe_recording = real.transcribe_recording
