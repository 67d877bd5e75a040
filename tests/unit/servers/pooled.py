"""A server in this process that keeps blocks as the block manager of its settings does."""

import itertools
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from charter_engine.bls.retention import Retention, TokenRange
from charter_engine.contracts.live import KvPool, ServerCounters
from charter_engine.contracts.server import ServerKind, ServerProfile
from charter_engine.kvcache import BlockManager, PoolSettings
from charter_engine.servers.levers import acting
from charter_engine.servers.protocol import TokenAnswer, TokenRequest


class PooledServer:
    """It accepts every priority, and heeds those that its pool heeds. `tells` False: no reused
    tokens in its answers. `releases` False: it is told to forget, and does not."""

    kind: Final[ServerKind] = "triton-engine"
    cached_option = ""

    def __init__(
        self, settings: PoolSettings, *, tells: bool = True, releases: bool = True
    ) -> None:
        self._manager = BlockManager(settings)
        self._settings = settings
        self._tells = tells
        self._releases = releases
        self._numbers = itertools.count()

    async def profile(self) -> ServerProfile:
        counters = await self.counters()
        return ServerProfile(
            kind=self.kind,
            address="here",
            tokens_per_block=self._settings.tokens_per_block,
            levers=(acting("retention", "priority", "request"),),
            counters=counters,
        )

    async def counters(self) -> ServerCounters:
        blocks, free = self._settings.gpu_blocks, self._manager.free_gpu_blocks
        return ServerCounters(
            pool=KvPool(
                max_blocks=blocks,
                free_blocks=free,
                used_blocks=blocks - free,
                tokens_per_block=self._settings.tokens_per_block,
            )
        )

    async def complete(self, request: TokenRequest) -> TokenAnswer:
        number = next(self._numbers)
        priority = request.priority if self._settings.heeds_retention else None
        asked = None
        if priority is not None:
            asked = Retention((TokenRange(0, None, priority, None),), priority)
        admission = self._manager.add(number, list(request.token_ids), retention=asked)
        self._manager.store_context(number)
        self._manager.append(number, [7] * request.max_tokens)
        self._manager.finish(number)
        answer = TokenAnswer(
            output_ids=(7,) * request.max_tokens,
            prompt_tokens=len(request.token_ids),
            reused_tokens=admission.reused_tokens,
            reuse="measured",
        )
        return answer if self._tells else replace(answer, reused_tokens=None, reuse=None)

    async def release(self, token_ids: Sequence[int], keep_tokens: int, /) -> None:
        if self._releases:
            self._manager.truncate(list(token_ids), keep_tokens)
