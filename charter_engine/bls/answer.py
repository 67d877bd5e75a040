"""What the inner model answered, as numbers that mean the same on every version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

COUNTERS = ("kv_cache_alloc_new_blocks", "kv_cache_reused_blocks", "kv_cache_alloc_total_blocks")
TIMES = ("arrival_time_ns", "first_scheduled_time_ns", "first_token_time_ns", "last_token_time_ns")
REUSED_TOKENS = "kv_cache_reused_tokens"
WANTED = ("output_ids", "sequence_length", *COUNTERS, REUSED_TOKENS, *TIMES)
"""The inner model's outputs that are asked for, where it has them."""


@dataclass(frozen=True)
class Answer:
    """The generated tokens, in a NumPy array, and the KV counters and times of one request; None
    where the engine gives none."""

    ids: Any
    prompt_tokens: int
    numbers: Mapping[str, int]
    reused_tokens: int | None
    missed_blocks: int | None

    @cached_property
    def output_ids(self) -> tuple[int, ...]:
        """The generated tokens."""
        return tuple(self.ids.tolist())

    @property
    def reused_blocks(self) -> int | None:
        return self.numbers.get("kv_cache_reused_blocks")

    @property
    def queue_seconds(self) -> float | None:
        """From arrival at the engine to the first work on the request."""
        return self._since_arrival("first_scheduled_time_ns")

    @property
    def ttft_seconds(self) -> float | None:
        """From arrival at the engine to the first token."""
        return self._since_arrival("first_token_time_ns")

    def _since_arrival(self, name: str) -> float | None:
        moment, arrival = self.numbers.get(name), self.numbers.get("arrival_time_ns")
        return None if moment is None or arrival is None else (moment - arrival) / 1e9


def read_answer(
    arrays: Mapping[str, Any], prompt_tokens: int, tokens_per_block: int | None
) -> Answer:
    """Read output arrays by name. Shapes differ with batching: the first row is the request's.

    Where the engine does not count reused tokens, they are derived from its blocks.
    """
    ids = arrays["output_ids"].reshape(-1)
    if "sequence_length" in arrays:
        ids = ids[: int(arrays["sequence_length"].reshape(-1)[0])]
    numbers = {
        name: int(arrays[name].reshape(-1)[0])
        for name in (*COUNTERS, *TIMES)
        if name in arrays and arrays[name].size
    }
    reused = numbers.get("kv_cache_reused_blocks")
    reused_tokens = missed_blocks = None
    if reused is not None and tokens_per_block:
        reused_tokens, missed_blocks = derived_reuse(reused, prompt_tokens, tokens_per_block)
    if REUSED_TOKENS in arrays:
        reused_tokens = int(arrays[REUSED_TOKENS].reshape(-1)[0])
    return Answer(
        # A copy: the engine's memory goes with its response.
        ids=np.array(ids, np.int32),
        prompt_tokens=prompt_tokens,
        numbers=numbers,
        reused_tokens=reused_tokens,
        missed_blocks=missed_blocks,
    )


def without_prompt(ids: Any, prompt: Sequence[int]) -> Any:
    """The generated tokens of a model that cannot be asked to leave out the prompt, and repeats it
    before them."""
    count = len(prompt)
    repeats = len(ids) >= count and np.array_equal(ids[:count], prompt)
    return ids[count:] if repeats else ids


def derived_reuse(reused_blocks: int, prompt_tokens: int, tokens_per_block: int) -> tuple[int, int]:
    """Reused tokens and missed blocks of a prompt of which so many blocks were reused.

    TensorRT-LLM counts reused blocks, not tokens: every one is taken as full, so the tokens are an
    upper bound that a last, partly reused block keeps from being exact. The last token of a prompt
    is always computed.
    """
    reused_tokens = min(reused_blocks * tokens_per_block, prompt_tokens - 1)
    return reused_tokens, -(-prompt_tokens // tokens_per_block) - reused_blocks
