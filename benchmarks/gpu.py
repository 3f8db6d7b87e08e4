"""
Bench of a device, for a machine with a GPU and nothing else at hand: what was assumed of it is tried, in ten minutes.

Discovery; each number format that the device knows, with the known-answer test; out of memory and the loss of the
device, and that the next job finds it healed; throughput and memory of our engine next to faster-whisper's batched
pipeline, with batches of 8 to 64 chunks. What there is no time for is left out and named::

    python benchmarks/gpu.py [--device cuda:0] [--model large-v3-turbo] [--seconds 600] [--json FILE]

``--device cpu`` takes the same way with small batches and minutes; there lack of memory and the loss of the device are
errors that are put in the model's place. On a GPU its memory is really filled, and its context really destroyed.
"""

import os
import platform
import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ctranslate2
from device_faults import lose_device, run_out_of_memory
from gpu_throughput import Load, compare, make_load
from measures import Measure, arguments_of, conclude

from deployments.local.devices import choose_devices, find_cuda
from tasks.devices import Device
from tasks.settings import Settings
from tasks.transcription.known_answer import check_answer
from tasks.transcription.model_files import find_model
from tasks.transcription.model_manager import Engines, PlacedModel
from tasks.transcription.models import model_for

SECONDS = 600.0
GPU_BATCHES, CPU_BATCHES = (8, 16, 32, 64), (2, 4)
GPU_MINUTES, CPU_MINUTES = 30.0, 1.0
SLOWEST_ANSWER = {"cuda": 1.0, "cpu": 1.5}
"""Goal of the known-answer test on a loaded model, in seconds."""


@dataclass
class Bench:
    """One run of the bench: what is tried, how long there is for it, and what came of it."""

    placed: PlacedModel
    seconds: float
    began: float = field(default_factory=time.monotonic)
    found: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, Measure] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float:
        """Time that is left."""
        return self.seconds - (time.monotonic() - self.began)

    def part(self, name: str, work: Callable[["Bench"], Any], *, needs_seconds: float = 20.0) -> None:
        """Do one part if there is time for it; an error is its result and a missed goal, and does not end the rest."""
        began = time.monotonic()
        if self.seconds_left < needs_seconds:
            self.found[name] = {"left_out": f"{self.seconds_left:.0f} s left"}
            print(f"{name}: left out, {self.seconds_left:.0f} s left", flush=True)
            return
        try:
            result = work(self)
        except Exception as error:  # noqa: BLE001 - as said
            traceback.print_exc()
            result = {"error": f"{type(error).__name__}: {error}"}
            self.measures[f"{name} without an error"] = Measure(0, 1, at_least=True)
        self.found[name] = {"seconds": round(time.monotonic() - began, 2), "result": result}
        print(f"{name}: {result} ({time.monotonic() - began:.1f} s)", flush=True)


def discovery(bench: Bench) -> dict[str, Any]:
    """Return the machine, its devices, and what CTranslate2 says of them."""
    device = bench.placed.device
    return {
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        "versions": {"ctranslate2": ctranslate2.__version__, "python": platform.python_version()},
        "gpus": [
            {"title": gpu.title, "memory_bytes": gpu.memory_bytes, "compute_types": sorted(gpu.compute_types)}
            for gpu in find_cuda()
        ],
        "chosen": device.model_dump(),
        "model": bench.placed.model,
    }


def compute_types(bench: Bench) -> dict[str, Any]:
    """Return for each number format how long the model took to load, and whether it hears what is said."""
    index = bench.placed.device.index if bench.placed.device.kind == "cuda" else 0
    heard: dict[str, Any] = {}
    for compute_type in sorted(ctranslate2.get_supported_compute_types(bench.placed.device.kind, index)):
        if bench.seconds_left < bench.seconds / 2:
            heard[compute_type] = "left out"
            continue
        device = bench.placed.device.model_copy(update={"compute_type": compute_type})
        heard[compute_type] = _loaded_and_heard(PlacedModel(device, bench.placed.model, bench.placed.models_folder))
    right = sum(isinstance(one, dict) for one in heard.values())
    tried = sum(one != "left out" for one in heard.values())
    bench.measures["number formats that hear what is said, of those tried"] = Measure(right / tried, 1, at_least=True)
    return heard


def _loaded_and_heard(placed: PlacedModel) -> dict[str, float] | str:
    engines, began = Engines(), time.monotonic()
    try:
        with engines.use(placed) as loaded:
            load_seconds = time.monotonic() - began
            return {"load_s": round(load_seconds, 2), "known_answer_s": round(check_answer(loaded), 2)}
    except Exception as error:  # noqa: BLE001 - a format that fails is a result
        return f"{type(error).__name__}: {error}"
    finally:
        engines.unload_idle()


def known_answer(bench: Bench) -> dict[str, float]:
    """Return what the known-answer test takes, the first time and then."""
    engines = Engines()
    with engines.use(bench.placed) as loaded:
        first, *later = [check_answer(loaded) for _ in range(4)]
    engines.unload_idle()
    median = statistics.median(later)
    bench.measures["known-answer test on a loaded model, s"] = Measure(median, SLOWEST_ANSWER[bench.placed.device.kind])
    return {"first_s": round(first, 3), "later_s": round(median, 3)}


def memory_healing(bench: Bench) -> dict[str, Any]:
    """Return how a batch that does not fit was healed."""
    result = run_out_of_memory(bench.placed)
    bench.measures["jobs done although memory ran out"] = Measure(result["done"], 1, at_least=True)
    return result


def device_loss(bench: Bench) -> dict[str, Any]:
    """Return what a lost device was taken for, and whether it worked for the next job."""
    result = lose_device(bench.placed)
    bench.measures["lost devices that were told as such, and healed"] = Measure(result["healed"], 1, at_least=True)
    return result


def throughput(bench: Bench) -> list[dict[str, Any]]:
    """Return our throughput and memory next to theirs, for each batch size."""
    on_gpu = bench.placed.device.kind == "cuda"
    rows = []
    with make_load(GPU_MINUTES if on_gpu else CPU_MINUTES) as load:
        for batch in GPU_BATCHES if on_gpu else CPU_BATCHES:
            rows += _compared(bench, load, batch, rows)
    ratios = [row["ours"]["audio_per_second"] / row["theirs"]["audio_per_second"] for row in rows]
    if ratios:
        bench.measures["our throughput / theirs, the best batch"] = Measure(max(ratios), 1, at_least=True)
        same = min(row["same_words"] for row in rows)
        bench.measures["words that are the same"] = Measure(same, 0.95, at_least=True)
    return rows


def _compared(bench: Bench, load: Load, batch: int, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    took = max((row["seconds"] for row in rows), default=0.0)
    if bench.seconds_left > 1.5 * took:
        row = compare(bench.placed, load, batch)
        print(row, flush=True)
        yield row


def choose(wanted: str, model: str) -> PlacedModel:
    """Return the device and the model; without a model that is here, the small one that comes with the packages."""
    settings = Settings()
    gpus = () if wanted.startswith("cpu") else find_cuda()
    device: Device = choose_devices(wanted, gpus, os.cpu_count() or 1)[0]
    named = model or model_for(settings.model, device_kind=device.kind)
    if not model and find_model(named, settings.models_folder) is None and find_model("base", settings.models_folder):
        named = "base"
    return PlacedModel(device, named, settings.models_folder)


def main() -> None:
    """Do all parts, print them; exit with 1 if a goal is missed."""
    parser = arguments_of(__doc__)
    parser.add_argument("--device", default="", help="cuda:0, or cpu; the first that is found")
    parser.add_argument("--model", default="", help="the one that jobs get on the device")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time for all of it")
    given = parser.parse_args()
    bench = Bench(choose(given.device, given.model), given.seconds)
    bench.part("discovery", discovery)
    bench.part("compute types", compute_types)
    bench.part("known answer", known_answer)
    bench.part("out of memory", memory_healing)
    bench.part("device loss", device_loss)
    bench.part("throughput", throughput, needs_seconds=60.0)
    conclude(bench.measures, given.json, found=bench.found)


if __name__ == "__main__":
    main()
