"""The pools a block manager works with."""

from typing import get_args

from msgspec import Struct

from charter_engine.contracts.pool import Eviction

DEFAULT_OFFLOAD_MIN_PRIORITY = 30
"""TensorRT-LLM, evictionPolicy.cpp; its public documentation says 35."""

MOST_SEARCHED = 32
"""TensorRT-LLM, kv_cache_manager_v2, find_best_partial_match_in_next_nodes."""

LARGEST = 2**31 - 1
"""Taken from TensorRT-LLM, which counts blocks, and a pool's tokens, as 32-bit integers."""


class PoolSettings(Struct, frozen=True):
    """Sizes are in blocks. `host_blocks` 0 means no host tier.

    `offload_min_priority` is the lowest priority at which content evicted from the GPU moves to
    host. `max_num_turns` is how many turns of a conversation TensorRT-LLM's second manager keeps
    under its policy `per_conversation`; 0 is any other policy. `protect_sessions` has SGLang evict
    what open sessions use after all else (`--enable-session-radix-cache`). Raises ValueError for
    sizes no pool can have.
    """

    gpu_blocks: int
    tokens_per_block: int
    host_blocks: int = 0
    reuse: bool = True
    partial_reuse: bool = True
    copy_on_partial_reuse: bool = True
    offload_min_priority: int = DEFAULT_OFFLOAD_MIN_PRIORITY
    eviction: Eviction = "leaf"
    max_num_turns: int = 0
    protect_sessions: bool = False

    @property
    def goes_by_sessions(self) -> bool:
        """Whether it matters which session a request is of."""
        return self.max_num_turns > 0 or self.protect_sessions

    @property
    def heeds_retention(self) -> bool:
        """Whether priorities and durations do anything in this pool."""
        return self.eviction in ("leaf", "flat")

    @property
    def heeds_release(self) -> bool:
        """Whether the server can be told to forget: vLLM and SGLang cannot, and where pages go with
        their turns nothing more is released here."""
        return self.eviction in ("leaf", "flat", "v2") and not self.max_num_turns

    @property
    def matches_parts(self) -> bool:
        """Whether a part of a block can be reused."""
        return self.partial_reuse and self.eviction != "vllm"

    @property
    def frees_unstored(self) -> bool:
        """Whether a block of which nothing was stored is free, before all cached ones, as soon as
        its request ends; in TensorRT-LLM's first manager it queues up behind them."""
        return self.eviction in ("v2", "vllm")

    @property
    def by_pages(self) -> bool:
        """Whether parts of blocks go by the rules of TensorRT-LLM's second manager
        (kv_cache_manager_v2): one that is matched is always copied, and what it is copied from
        counts as used; none is stored of what another block holds whole; none is looked for among
        `MOST_SEARCHED` blocks or more that continue the same one."""
        return self.eviction == "v2"

    @property
    def usable_gpu_blocks(self) -> int:
        """GPU blocks that requests can have: vLLM keeps one back."""
        return self.gpu_blocks - (self.eviction == "vllm")

    def __post_init__(self) -> None:
        for name in ("gpu_blocks", "tokens_per_block", "host_blocks"):
            if getattr(self, name) > LARGEST:
                raise ValueError(f"{name} is {getattr(self, name)}; at most {LARGEST} is possible")
        if self.gpu_blocks < 1:
            raise ValueError(f"gpu_blocks is {self.gpu_blocks}; at least 1 is needed")
        if self.tokens_per_block < 1:
            raise ValueError(f"tokens_per_block is {self.tokens_per_block}; at least 1 is needed")
        if self.host_blocks < 0:
            raise ValueError(f"host_blocks is {self.host_blocks}; 0 turns the host tier off")
        if self.eviction not in get_args(Eviction):
            lines = ", ".join(map(repr, get_args(Eviction)))
            raise ValueError(f"eviction is {self.eviction!r}; it is one of {lines}")
        if self.host_blocks and self.eviction in ("vllm", "sglang"):
            raise ValueError(f"a host tier is not modelled for {self.eviction}; host_blocks is 0")
        if self.host_blocks and self.max_num_turns:
            raise ValueError("a host tier is not modelled with max_num_turns; host_blocks is 0")
        if self.max_num_turns < 0:
            raise ValueError(f"max_num_turns is {self.max_num_turns}; 0 keeps them all")
        if self.max_num_turns and self.eviction != "v2":
            raise ValueError(f"max_num_turns is for the eviction v2; this is {self.eviction}")
        if self.protect_sessions and self.eviction != "sglang":
            raise ValueError(
                f"protect_sessions is for the eviction sglang; this is {self.eviction}"
            )
        if self.usable_gpu_blocks < 1:
            raise ValueError("vLLM keeps one of its blocks back; gpu_blocks is at least 2")
