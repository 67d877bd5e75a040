"""The gateway of `serve --gateway`: programs reach the engine's deployment through it."""

from contextlib import AsyncExitStack

from charter_engine.api.gateway import before_deployment, unobserved
from charter_engine.contracts.gateway import GatewayRequest, Observer
from charter_engine.errors import CharterError
from charter_engine.servers.deployment import Deployment
from charter_engine.service.hub import Hub


class EngineGateway:
    """Opens once `charter_bls` is there, and stays whatever becomes of Triton. `request` None: none
    is wanted. `observe` hears of each request that ended."""

    def __init__(
        self,
        hub: Hub,
        deployment: Deployment,
        request: GatewayRequest | None,
        observe: Observer = unobserved,
    ) -> None:
        self._observe = observe
        self._hub = hub
        self._deployment = deployment
        self._request = request
        self._opened: AsyncExitStack | None = None

    async def open(self) -> None:
        """Open it where that is wanted and possible by now. What fails is told."""
        possible = self._deployment.started and self._deployment.profile.charter_bls
        if self._request is None or self._opened is not None or not possible:
            return
        stack = AsyncExitStack()
        try:
            gateway = await stack.enter_async_context(
                before_deployment(self._request, self._deployment, self._observe)
            )
        except CharterError as error:
            self._hub.event("engine", f"no gateway: {error}", level="error")
            return
        self._opened = stack
        self._hub.event("engine", f"the gateway listens on http://{gateway.address}/v1")

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()
            self._opened = None
