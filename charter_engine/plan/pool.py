"""The deployment a plan is made for, as it is, and the pools that settings make of it."""

import math

from msgspec import Struct

from charter_engine.contracts.compiling import TOKENS_PER_BLOCK
from charter_engine.contracts.plan import ServerSettings
from charter_engine.contracts.planning import PlanPoint
from charter_engine.contracts.pool import Eviction
from charter_engine.kvcache.manager.settings import PoolSettings

DEFAULT_POOL_TOKENS = 400_000
"""*Assumed* where nobody tells: about what an H100 holds for an 8B model in bf16."""
DEFAULT_BYTES_PER_TOKEN = 131_072
"""*Assumed*: keys and values of a token of an 8B model with grouped queries in bf16."""


class CurrentServer(Struct, frozen=True, kw_only=True):
    """What a plan is made for, as it is now. `pool_tokens` is what the GPU pool holds,
    `bytes_per_token` its memory for one, `host_bytes` the memory of its host tier, `reuse` whether
    it reuses blocks, `eviction` by which rules it evicts, `chunk_tokens` how many tokens of a
    prompt it computes in one iteration (None: whole prompts)."""

    tokens_per_block: int = TOKENS_PER_BLOCK
    pool_tokens: int = DEFAULT_POOL_TOKENS
    bytes_per_token: int = DEFAULT_BYTES_PER_TOKEN
    host_bytes: int = 0
    reuse: bool = True
    eviction: Eviction = "leaf"
    chunk_tokens: int | None = None

    @property
    def host_tokens(self) -> int:
        """What the host tier holds."""
        return self.host_bytes // self.bytes_per_token

    def host_blocks_of(self, tokens_per_block: int) -> int:
        """The host tier in blocks of a size."""
        return self.host_tokens // tokens_per_block

    def pool_at(self, point: PlanPoint) -> PoolSettings:
        """The pool of a point of the search: as large as it is now, in blocks of the point's
        size."""
        return PoolSettings(
            gpu_blocks=_blocks(self.pool_tokens, point.tokens_per_block),
            tokens_per_block=point.tokens_per_block,
            host_blocks=point.host_blocks,
            eviction=self.eviction,
        )

    def pool_under(self, server: ServerSettings) -> PoolSettings:
        """The pool that server settings would make of the memory there is now."""
        size = server.tokens_per_block or self.tokens_per_block
        tokens = min(self.pool_tokens, server.max_tokens_in_paged_kv_cache or self.pool_tokens)
        host_bytes = server.kv_cache_host_memory_bytes
        reuse = self.reuse if server.enable_kv_cache_reuse is None else server.enable_kv_cache_reuse
        return PoolSettings(
            gpu_blocks=_blocks(tokens, size),
            tokens_per_block=size,
            host_blocks=(
                self.host_blocks_of(size)
                if host_bytes is None
                else host_bytes // (size * self.bytes_per_token)
            ),
            reuse=reuse,
            eviction=self.eviction,
        )


def _blocks(tokens: int, size: int) -> int:
    return max(1, math.ceil(tokens / size))
