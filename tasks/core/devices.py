"""A device: what one model runs on."""

from typing import Literal

from pydantic import Field

from tasks.core.batches import Record


class Device(Record):
    """A GPU, or the share of the CPU that one model gets."""

    name: str = Field(description="unique on this machine, for example cuda:0 or cpu:1")
    kind: Literal["cuda", "cpu"]
    index: int = Field(default=0, ge=0, description="number among the devices of its kind")
    uuid: str = Field(default="", description="what the driver knows a GPU by, whatever is hidden or reordered")
    title: str = Field(default="", description="what people call it: the product name of the GPU or the CPU")
    memory_bytes: int = Field(default=0, ge=0, description="its own memory; 0 where it shares the machine's")
    cpu_threads: int = Field(default=1, ge=1, description="threads of the model on a CPU")
    compute_type: str = Field(default="int8", description="CTranslate2's name of the number format: int8, float16, …")
    batch_size: int = Field(default=4, ge=1, description="most chunks of audio that enter the model together")
