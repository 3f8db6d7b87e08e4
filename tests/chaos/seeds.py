"""The faults that a seed of the chaos tests stands for."""

import random
from dataclasses import dataclass

DEFAULT_SEEDS = "60,3331"
"""Seeds of `make test`: an even one has an S3 service, an odd one a disk; see what they are asked to cover."""

BLOWS = (
    "kill the batch run",
    "kill a device's process",
    "kill a device's worker",
    "kill the batches' worker",
    "kill the server",
    "take the server away",
    "kill the dashboard",
    "freeze a device's worker",
    "press Retry",
    "press Start",
    "press Cancel",
    "cancel a job",
    "trouble the store",
)


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault after a pause; device and job are given as a share of all."""

    name: str
    pause_seconds: float
    pool: str
    which: float


def drawn(seed: int, events: int) -> list[Blow]:
    """Return the blows of a run, which its seed decides alone."""
    dice = random.Random(seed)  # noqa: S311 - dice, no secrets
    return [
        Blow(dice.choice(BLOWS), dice.uniform(0.3, 6), dice.choice(["gpu-0", "gpu-1"]), dice.random())
        for _ in range(events)
    ]


def seeds_of(text: str) -> list[int]:
    """Return the numbers that *text* names: ``7``, ``1-100`` or ``3,5-8``."""
    ranges = [part.partition("-") for part in text.split(",")]
    return [seed for first, _, last in ranges for seed in range(int(first), int(last or first) + 1)]
