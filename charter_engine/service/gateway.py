"""The gateway of `serve --gateway`: programs reach the engine's deployment through it."""

import math
import time
from contextlib import AsyncExitStack
from typing import Final

from charter_engine.api.gateway import unobserved
from charter_engine.api.live_server import LiveServer
from charter_engine.contracts.gateway import GatewayExchange, GatewayRequest, Observer
from charter_engine.errors import CharterError
from charter_engine.service.hub import Hub

IN_USE_SECONDS: Final = 60.0
"""Assumed: an agent thinks no longer than a minute between two calls."""


class EngineGateway:
    """Opens once the deployment takes one, and stays whatever becomes of it. `request` None: none
    is wanted. `observe` hears of each request that ended."""

    def __init__(
        self,
        hub: Hub,
        deployment: LiveServer,
        request: GatewayRequest | None,
        observe: Observer = unobserved,
    ) -> None:
        self._observe = observe
        self._hub = hub
        self._deployment = deployment
        self._request = request
        self._opened: AsyncExitStack | None = None
        self._used_at = -math.inf

    @property
    def in_use(self) -> bool:
        """Whether programs sent through it within the last `IN_USE_SECONDS`."""
        return time.monotonic() - self._used_at < IN_USE_SECONDS

    async def open(self) -> None:
        """Open it where that is wanted and possible by now. What fails is told."""
        possible = self._opened is None and self._deployment.takes_gateway
        if self._request is None or not possible:
            return
        stack = AsyncExitStack()
        try:
            gateway = await stack.enter_async_context(
                self._deployment.gateway(self._request, self._ended)
            )
        except CharterError as error:
            self._hub.event("engine", f"no gateway: {error}", level="error")
            return
        self._opened = stack
        self._hub.event("engine", f"the gateway listens on http://{gateway.address}/v1")

    def _ended(self, exchange: GatewayExchange) -> None:
        self._used_at = time.monotonic()
        self._observe(exchange)

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()
            self._opened = None
