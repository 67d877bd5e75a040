"""The HTTP server: routes, limits, and a record of every request."""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping
from typing import Self

import msgspec
from aiohttp import web

from charter_engine.contracts.gateway import GatewayRequest, Observer
from charter_engine.errors import UsageError
from charter_engine.gateway.admission import RETRY_SECONDS, GatewayAdmission
from charter_engine.gateway.answers import Responder, json_answer
from charter_engine.gateway.bodies import UNREADABLE
from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.log import http_log
from charter_engine.gateway.openai_errors import error_body
from charter_engine.gateway.passing import Passing, Peeked

CLOSING_SECONDS = 5.0
"""Assumed: short requests end by then, and long ones are not waited for."""
CLIENT_CLOSED_REQUEST = 499
"""nginx's word for a client that has gone away; nobody reads it."""
NO_JSON = ("multipart/", "audio/")
"""Bodies that only an upstream can read."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gateway:
    """An async context manager: it listens meanwhile.

    `responders` are by method and path, a path maybe with aiohttp's patterns.
    Raises `UsageError` for an address that cannot be listened on.
    """

    def __init__(
        self,
        request: GatewayRequest,
        responders: Mapping[tuple[str, str], Responder],
        observe: Observer,
    ) -> None:
        self._limits = request.limits
        self._observe = observe
        self._admission = GatewayAdmission(request.key, request.limits.at_once)
        host, _, port = request.listen.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        application = web.Application(
            client_max_size=request.limits.body_bytes, middlewares=[_unknown_paths]
        )
        for (method, path), responder in responders.items():
            application.router.add_route(method, path, self._handler(responder))
        self._runner = web.AppRunner(
            application,
            access_log=None,
            logger=http_log,
            handler_cancellation=True,
            max_line_size=request.limits.header_bytes,
            max_field_size=request.limits.header_bytes,
            shutdown_timeout=CLOSING_SECONDS,
        )

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            taken = error.errno == errno.EADDRINUSE
            raise UsageError(
                f"cannot listen on {self._host}:{self._port}: "
                + ("another program listens there" if taken else str(error.strerror or error)),
                remedy="stop it, or give another address",
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def address(self) -> str:
        """HOST:PORT on which it listens; the port is a free one where 0 was asked for."""
        host, port = self._runner.addresses[0][:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _handler(self, responder: Responder) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            passing = Passing(request.path, request.headers, self._observe)
            try:
                self._admission.require_right(request.headers)
                await self._receive(request, passing)
                with self._admission.one_more():
                    return await responder.answer(request, passing)
            except GatewayError as error:
                passing.failed(error.status, error.message)
                headers = dict(passing.answer_headers)
                if error.status == 429:
                    headers["Retry-After"] = str(RETRY_SECONDS)
                return json_answer(responder.error(error), status=error.status, headers=headers)
            except asyncio.CancelledError:
                passing.cancelled()
                raise
            except ConnectionError:
                passing.cancelled()
                return web.Response(status=CLIENT_CLOSED_REQUEST)
            finally:
                passing.close()

        return handle

    async def _receive(self, request: web.Request, passing: Passing) -> None:
        """Read the body. Raises `GatewayError` where it is too long, takes too long or is no
        JSON."""
        try:
            async with asyncio.timeout(self._limits.receive_seconds):
                passing.body = await request.read()
        except TimeoutError:
            raise GatewayError(
                408, f"the request was not there after {self._limits.receive_seconds:g} s"
            ) from None
        except web.HTTPRequestEntityTooLarge:
            raise GatewayError(
                413, f"the body is longer than {self._limits.body_bytes:,} bytes"
            ) from None
        if not passing.body or request.content_type.startswith(NO_JSON):
            return
        try:
            passing.read(msgspec.json.decode(passing.body, type=Peeked))
        except UNREADABLE as error:
            raise GatewayError(400, f"the body is not a JSON object: {error}") from None


@web.middleware
async def _unknown_paths(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What no route takes, told in OpenAI's shape."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        failed = GatewayError(error.status, f"{request.method} {request.path} is not answered here")
        return json_answer(error_body(failed), status=error.status)
