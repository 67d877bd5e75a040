"""A server that is reached by HTTP, as an engine process works with it: found, sampled, asked, and
left as it is."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from charter_engine.contracts.contents import KvEventSource
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.live import CounterRates, ServerCounters, TritonSample
from charter_engine.contracts.server import (
    KIND_IN_WORDS,
    ProfileRequest,
    ServerProfile,
)
from charter_engine.errors import CharterError
from charter_engine.servers.canary import CompletingServer
from charter_engine.servers.counter_rates import rates_between
from charter_engine.servers.event_endpoints import source_at
from charter_engine.servers.finding import server_behind, url_of
from charter_engine.servers.http import ServerHttp
from charter_engine.servers.http_profile import profile_by_http
from charter_engine.servers.models import first_model
from charter_engine.servers.protocol import ITEMS_AT_ONCE, InferenceServer
from charter_engine.servers.tensorrt_llm import read_configuration


class HttpDeployment:
    """A vLLM, SGLang or trtllm-serve.

    It is found out which when it first answers, and anew where another kind answers at its address.
    `has_gateway`: a gateway of ours is to be in front of it.
    """

    is_embedded = False
    notice = ""
    items_at_once = ITEMS_AT_ONCE
    serving_process = None

    def __init__(
        self,
        request: ProfileRequest,
        *,
        has_gateway: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises `UsageError` for what is no address."""
        self.request = request
        self.address = url_of(request.address or "", tls=request.tls).removesuffix("/v1")
        self.called = "the server"
        """What kind of server it is, or was when it last answered."""
        self.profile = Profile(path="http")
        self.described: ServerProfile | None = None
        self._has_gateway = has_gateway
        self._clock = clock
        self._stack = AsyncExitStack()
        self._http: ServerHttp | None = None
        self._server: InferenceServer | None = None
        self._counted: tuple[float, ServerCounters] | None = None

    @property
    def named(self) -> str:
        return self.address

    async def canary_target(self) -> CompletingServer:
        """What the corruption canary asks. Raises `CharterError` until it has answered."""
        return CompletingServer(self.server, self.profile.tokens_per_block)

    @property
    def event_source(self) -> KvEventSource | None:
        """Where it publishes KV events, if it listens there itself: at an address that was given to
        it somebody else may be listening."""
        endpoints = self.described.event_endpoints if self.described is not None else ()
        source = source_at(endpoints, self.address)
        return None if source is None or source.listen else source

    @property
    def started(self) -> bool:
        return self._server is not None

    @property
    def server(self) -> InferenceServer:
        """Raises `CharterError` until it has answered."""
        if self._server is None:
            raise CharterError(
                f"{self.address} has not answered yet",
                remedy="wait until it is ready",
                kind="unreachable",
            )
        return self._server

    async def start(self) -> None:
        """Get ready to ask it; it need not be up. Raises `CharterError` for certificates or a
        configuration that cannot be read."""
        if self._http is None:
            http = ServerHttp(self.address, self.request.key, self.request.root_certificates)
            self._http = await self._stack.enter_async_context(http)

    async def probe(self) -> Profile:
        """Find out anew what it is and can do. Raises `CharterError`."""
        self.described = await self.server.profile()
        self.profile = profile_by_http(self.described, has_gateway=self._has_gateway)
        return self.profile

    async def sample(self) -> TritonSample:
        """Health and counters now. Never raises: what is wrong is said in the sample."""
        if self._http is None:
            return TritonSample(health="starting", called=self.called, url=self.address)
        try:
            server = self._server = self._server or await self._found(self._http)
            self.called = KIND_IN_WORDS[server.kind]
            await first_model(self._http, server.kind)
            counters = await server.counters()
        except CharterError as error:
            return self._without_answer(error)
        return TritonSample(
            health="ready",
            called=self.called,
            url=self.address,
            version=self.described.version if self.described else "",
            kv_pool=counters.pool,
            active_requests=counters.running,
            waiting_requests=counters.waiting,
            counters=counters,
            rates=self._rates(counters),
        )

    def ask_again(self) -> None:
        """There is nothing that keeps calls from it."""

    async def close(self) -> None:
        """Leave it as it is."""
        self._http = self._server = None
        await self._stack.aclose()

    async def _found(self, http: ServerHttp) -> InferenceServer:
        path = self.request.configuration
        configuration = await asyncio.to_thread(read_configuration, Path(path)) if path else None
        return await server_behind(http, configuration, drains=self.request.drain)

    def _without_answer(self, error: CharterError) -> TritonSample:
        """What did not answer may be another one when it answers again."""
        told = TritonSample(
            health="unreachable",
            called=self.called,
            reason=f"{error.message}; {error.remedy}" if error.remedy else error.message,
            url=self.address,
        )
        self._server = self._counted = None
        return told

    def _rates(self, counters: ServerCounters) -> CounterRates | None:
        now, before = self._clock(), self._counted
        self._counted = (now, counters)
        return None if before is None else rates_between(before[1], counters, now - before[0])
