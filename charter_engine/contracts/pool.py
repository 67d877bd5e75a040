"""Whose pool of blocks it is."""

from typing import Literal

OtherPool = Literal["v2", "v2-per-conversation", "vllm", "sglang", "sglang-sessions"]
"""Pools of other managers than TensorRT-LLM's first, to compare with."""
Eviction = Literal["leaf", "flat", "v2", "vllm", "sglang"]
"""Whose pool it is, and how it evicts.

`leaf`: TensorRT-LLM 1.0, where an idle child protects its idle parent. `flat`: TensorRT-LLM from
late 2025 on. `v2`: TensorRT-LLM's second manager, plain LRU over pages, which no retention reaches;
those of which nothing was stored are free at once.
`vllm`: vLLM's pool, plain LRU over whole blocks, one of which is kept back; those never filled go
first, and content is shared as soon as its request is scheduled. `sglang`: SGLang's radix cache,
which evicts whole leaves by their last use.
"""
KEEPS_PARTS: tuple[Eviction, ...] = ("leaf", "flat", "v2")
"""The pools in which a part of a block can be reused."""
