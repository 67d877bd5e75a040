"""What no server can run with, however well formed each value is by itself."""

from typing import NamedTuple

from charter_engine.contracts.plan import Plan
from charter_engine.plan.settings import InvalidSetting

GIBIBYTE = 1 << 30


class ServerBounds(NamedTuple):
    """What a server has that a plan must keep to; None: nobody knows."""

    tokens_per_block: int | None = None
    host_memory_bytes: int | None = None


NO_BOUNDS = ServerBounds()


def require_sense(plan: Plan, bounds: ServerBounds) -> None:
    """Raises `InvalidSetting` for a pool that holds no block, and for more host memory than the
    server's machine has."""
    server = plan.server
    tokens, block = server.max_tokens_in_paged_kv_cache, server.tokens_per_block
    block = block or bounds.tokens_per_block
    if tokens is not None and block is not None and tokens < block:
        raise InvalidSetting(
            "max_tokens_in_paged_kv_cache",
            f"a pool of {tokens:,} tokens has no room for one block of {block:,}",
            f"give {block} or more",
        )
    wanted, there = server.kv_cache_host_memory_bytes, bounds.host_memory_bytes
    if wanted is not None and there is not None and wanted > there:
        raise InvalidSetting(
            "kv_cache_host_memory_bytes",
            f"{_gibibytes(wanted)} is more than the machine has, which is {_gibibytes(there)}",
            f"give less than {there / GIBIBYTE:.0f}GiB",
        )


def _gibibytes(size: int) -> str:
    return f"{size / GIBIBYTE:,.1f} GiB"
