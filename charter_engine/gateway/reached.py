"""The Triton behind a gateway, which may be another one after a while."""

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from charter_engine.contracts.connection import TritonOptions
from charter_engine.gateway.finding import find_model
from charter_engine.gateway.model import ServedModel
from charter_engine.servers.attaching import connection_of, located, with_what_is_known
from charter_engine.triton.client import TritonClient

log = logging.getLogger(__name__)


class ReachedTriton(Protocol):
    """Where requests go, and what is known of the model there."""

    @property
    def client(self) -> TritonClient: ...

    @property
    def model(self) -> ServedModel: ...

    async def follow(self, failed: TritonClient) -> bool:
        """Whether it is reached by another client than this one, which got no answer. Raises
        `CharterError` where it is known to be down."""


class OpenTriton:
    """Through the client that `client` gives; whoever gives it may make it anew."""

    def __init__(self, client: Callable[[], TritonClient], model: ServedModel) -> None:
        self._client = client
        self.model = model

    @property
    def client(self) -> TritonClient:
        return self._client()

    async def follow(self, failed: TritonClient) -> bool:
        return self._client() is not failed


class LocatedTriton:
    """The Triton that options name: at their address, or the embedded one of their name, wherever
    it is brought up next.

    An async context manager. It opens, and `follow` follows, where Triton is up and has
    `charter_bls`, else they raise `CharterError`. `context` is as for `find_model`.
    """

    client: TritonClient
    model: ServedModel

    def __init__(self, options: TritonOptions, context: int | None) -> None:
        self._options = options
        self._context = context
        self._following = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._reach(await self._found())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.close()

    async def follow(self, failed: TritonClient) -> bool:
        async with self._following:
            if self.client is not failed:
                return True
            found = await self._found()
            if connection_of(found) == failed.connection:
                return False
            await self._reach(found)
            log.warning("Triton is at %s, and no longer at %s", found.url, failed.connection.url)
            await failed.close()
            return True

    async def _found(self) -> TritonOptions:
        return await asyncio.to_thread(lambda: with_what_is_known(located(self._options)))

    async def _reach(self, options: TritonOptions) -> None:
        client = TritonClient(connection_of(options))
        try:
            self.model = await find_model(client, options, self._context)
        except BaseException:
            await client.close()
            raise
        self.client = client
