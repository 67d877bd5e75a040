"""The pools a block manager works with."""

from typing import Literal

from msgspec import Struct

Eviction = Literal["leaf", "flat"]
"""`leaf`: the line of TensorRT-LLM 1.0, where an idle child protects its idle parent; `flat`: from
late 2025 on."""

DEFAULT_OFFLOAD_MIN_PRIORITY = 30
"""TensorRT-LLM, evictionPolicy.cpp; its public documentation says 35."""


class PoolSettings(Struct, frozen=True):
    """Sizes are in blocks. `host_blocks` 0 means no host tier.

    `offload_min_priority` is the lowest priority at which content evicted from the GPU moves to
    host. Raises ValueError for sizes no pool can have.
    """

    gpu_blocks: int
    tokens_per_block: int
    host_blocks: int = 0
    reuse: bool = True
    partial_reuse: bool = True
    copy_on_partial_reuse: bool = True
    offload_min_priority: int = DEFAULT_OFFLOAD_MIN_PRIORITY
    eviction: Eviction = "leaf"

    def __post_init__(self) -> None:
        if self.gpu_blocks < 1:
            raise ValueError(f"gpu_blocks is {self.gpu_blocks}; at least 1 is needed")
        if self.tokens_per_block < 1:
            raise ValueError(f"tokens_per_block is {self.tokens_per_block}; at least 1 is needed")
        if self.host_blocks < 0:
            raise ValueError(f"host_blocks is {self.host_blocks}; 0 turns the host tier off")
        if self.eviction not in ("leaf", "flat"):
            raise ValueError(f"eviction is {self.eviction!r}; it is 'leaf' or 'flat'")
