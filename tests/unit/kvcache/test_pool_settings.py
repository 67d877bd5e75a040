"""Sizes that no pool can have."""

from typing import Any

import pytest

from charter_engine.kvcache.manager.settings import LARGEST, PoolSettings


def test_a_pool_is_no_larger_than_can_be_counted() -> None:
    PoolSettings(gpu_blocks=LARGEST, tokens_per_block=32)
    for name in ("gpu_blocks", "tokens_per_block", "host_blocks"):
        sizes: dict[str, Any] = {"gpu_blocks": 1, "tokens_per_block": 32, name: LARGEST + 1}
        with pytest.raises(ValueError, match=f"{name} is 2147483648; at most 2147483647"):
            PoolSettings(**sizes)
