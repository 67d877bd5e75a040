"""What the open agent's opportunities would bring, worked out behind the agent's opening."""

import asyncio
import logging
from collections.abc import Callable

from charter_engine.api.agents import OpenedAgent
from charter_engine.api.live_planning import tokens_per_block_of
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.live import KvPool
from charter_engine.service.predicting import Predicting

log = logging.getLogger(__name__)


class ReuseEstimates:
    """Publishes the open agent with its opportunities' expected hit rates, again when the pool's
    block size is another."""

    def __init__(self, predicting: Predicting, publish: Callable[[CompiledFile], None]) -> None:
        self._predicting = predicting
        self._publish = publish
        self._agent: OpenedAgent | None = None
        self._tokens_per_block = 0
        self._task: asyncio.Task[None] | None = None

    def update(self, agent: OpenedAgent, pool: KvPool | None) -> None:
        """An agent was opened, or the pool may have changed."""
        tokens_per_block = tokens_per_block_of(pool)
        if agent is self._agent and tokens_per_block == self._tokens_per_block:
            return
        self._agent, self._tokens_per_block = agent, tokens_per_block
        self.stop()
        self._task = asyncio.create_task(self._work_out(agent, tokens_per_block))

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _work_out(self, agent: OpenedAgent, tokens_per_block: int) -> None:
        try:
            self._publish(await self._predicting.expected_reuse(agent, tokens_per_block))
        except Exception:
            # Opportunities without their rates are still opportunities.
            log.exception("expected reuse failed")
