"""The Triton behind a gateway, which may be another one after a while."""

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from charter_engine.contracts.connection import TritonOptions
from charter_engine.errors import CharterError
from charter_engine.gateway.finding import find_model
from charter_engine.gateway.model import ServedModel
from charter_engine.servers.attaching import connection_of, located, with_what_is_known
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonError
from charter_engine.triton.request import BLS_MODEL

log = logging.getLogger(__name__)


class ReachedTriton(Protocol):
    """Where requests go, and what is known of the model there."""

    @property
    def client(self) -> TritonClient: ...

    @property
    def model(self) -> ServedModel: ...

    async def is_ready(self) -> bool:
        """Whether `charter_bls` takes requests there."""

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

    async def is_ready(self) -> bool:
        return await _takes_requests(self.client)

    async def follow(self, failed: TritonClient) -> bool:
        return self._client() is not failed


class LocatedTriton:
    """The Triton that options name: at their address, or the embedded one of their name, wherever
    it is brought up next.

    An async context manager. It opens, and `follow` follows, where Triton is up and has
    `charter_bls`, else they raise `CharterError`. `context` is as for `find_model`. With `alike`,
    the model of another that serves the same, it opens where Triton is down too.
    """

    client: TritonClient
    model: ServedModel

    def __init__(
        self, options: TritonOptions, context: int | None, alike: ServedModel | None = None
    ) -> None:
        self._options = options
        self._context = context
        self._alike = alike
        self._following = asyncio.Lock()

    async def __aenter__(self) -> Self:
        found = await self._found()
        if self._alike is None:
            await self._reach(found)
        else:
            self.client, self.model = TritonClient(connection_of(found)), self._alike
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.close()

    async def is_ready(self) -> bool:
        client = self.client
        try:
            return await _takes_requests(client) or await self.follow(client)
        except CharterError:
            return False

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


async def _takes_requests(client: TritonClient) -> bool:
    try:
        return await client.is_model_ready(BLS_MODEL)
    except TritonError:
        return False
