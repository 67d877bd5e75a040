"""A gateway in front of a model that says what a test scripts, and a server of OpenAI's shape."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from msgspec import structs

from charter_engine.contracts.gateway import GatewayExchange, GatewayRecord, GatewayRequest
from charter_engine.gateway.asking import Asking, Ended, Piece, Text, TokenUsage
from charter_engine.gateway.model import ServedModel
from charter_engine.gateway.opening import model_gateway, openai_gateway
from charter_engine.gateway.passing import Passing
from charter_engine.gateway.server import Handler

ANY_PORT = "127.0.0.1:0"
ENDED = Ended(reason="stop", usage=TokenUsage(prompt=50, output=2, cached=32), node="greet")
HELLO: tuple[Piece, ...] = (Text("Hello"), Text(" world"), ENDED)


@dataclass
class ScriptedModel:
    """Says the pieces, an exception among them is raised; remembers what it was asked."""

    pieces: Sequence[Piece | Exception] = HELLO
    seconds_between: float = 0.0
    asked: list[Asking] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def answer(self, asking: Asking, passing: Passing) -> AsyncGenerator[Piece]:
        self.asked.append(asking)
        ended = False
        try:
            await self.may_answer.wait()
            for piece in self.pieces:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
                await asyncio.sleep(self.seconds_between)
            ended = True
        finally:
            if not ended:
                self.cancelled.set()


@dataclass
class Opened:
    """A gateway that listens, and the records of what has passed."""

    address: str
    exchanges: list[GatewayExchange] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def records(self) -> list[GatewayRecord]:
        return [exchange.record for exchange in self.exchanges]


@asynccontextmanager
async def before_model(
    model: ScriptedModel,
    request: GatewayRequest | None = None,
    served: ServedModel | None = None,
) -> AsyncIterator[Opened]:
    """A gateway in front of a scripted model."""
    exchanges: list[GatewayExchange] = []
    asked = request or GatewayRequest(listen=ANY_PORT, models=("tiny",))
    gateway = model_gateway(asked, model, lambda: served or ServedModel(), exchanges.append)
    async with gateway:
        yield Opened(gateway.address, exchanges)


@asynccontextmanager
async def before_upstream(
    upstream: "StandIn", request: GatewayRequest | None = None
) -> AsyncIterator[Opened]:
    """A gateway in front of a server of OpenAI's shape."""
    async with before_upstreams((upstream,), request) as gateway:
        yield gateway


@asynccontextmanager
async def before_upstreams(
    upstreams: "Sequence[StandIn]", request: GatewayRequest | None = None
) -> AsyncIterator[Opened]:
    """A gateway in front of several servers of OpenAI's shape."""
    exchanges: list[GatewayExchange] = []
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(one.listening()) for one in upstreams]
        asked = structs.replace(request or GatewayRequest(listen=ANY_PORT), openai=tuple(urls))
        gateway = await stack.enter_async_context(openai_gateway(asked, exchanges.append))
        yield Opened(gateway.address, exchanges)


USAGE = {
    "prompt_tokens": 50,
    "completion_tokens": 2,
    "total_tokens": 52,
    "prompt_tokens_details": {"cached_tokens": 32},
}


class StandIn:
    """A server of OpenAI's shape with a chat route. `dies_after` chunks it breaks the connection
    off; `status` other than 200 refuses all, and so does it without the `key` that is asked for."""

    def __init__(
        self, *, status: int = 200, dies_after: int | None = None, key: str | None = None
    ) -> None:
        self.status = status
        self.key = key
        self.dies_after = dies_after
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self.cancelled = asyncio.Event()
        self.seconds_between = 0.0
        self.health = 200

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        application = web.Application(middlewares=[self._require_key])
        application.router.add_post("/v1/chat/completions", self._chat)
        application.router.add_get("/v1/models", self._models)
        application.router.add_get("/health", self._health)
        application.router.add_post("/v1/audio/transcriptions", self._taken)
        runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/v1"
        await runner.cleanup()

    @web.middleware
    async def _require_key(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Before it is known whether there is such a route, as servers do."""
        if self.key not in {None, request.headers.get("Authorization")}:
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        return await handler(request)

    async def _taken(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.json_response({})

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(status=self.health)

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "tiny", "object": "model"}]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.headers.append(request.headers)
        if self.status != 200:
            error = {"error": {"message": "no such model", "type": "x", "code": "y"}}
            return web.json_response(error, status=self.status)
        if json.loads(self.bodies[-1]).get("stream"):
            return await self._streamed(request)
        message = {"role": "assistant", "content": "Hello world"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response(
            {"id": "1", "object": "chat.completion", "created": 1, "model": "tiny"}
            | {"choices": [choice], "usage": USAGE, "house_field": [1, 2]}
        )

    async def _streamed(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for number, chunk in enumerate(stream_chunks()):
                if number == self.dies_after:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                await response.write(chunk)
                await asyncio.sleep(self.seconds_between)
        except (asyncio.CancelledError, ConnectionError):
            self.cancelled.set()
            raise
        return response


def stream_chunks() -> list[bytes]:
    """What the stand-in streams."""
    deltas: list[dict[str, Any]] = [{"content": "Hello"}, {"content": " world"}]
    chunks = [_chunk({"choices": [{"index": 0, "delta": delta}]}) for delta in deltas]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return [*chunks, _chunk(end), _chunk({"choices": [], "usage": USAGE}), b"data: [DONE]\n\n"]


def _chunk(fields: dict[str, Any]) -> bytes:
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
    return b"data: " + json.dumps(head | fields).encode() + b"\n\n"
