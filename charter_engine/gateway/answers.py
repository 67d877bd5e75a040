"""Answers as aiohttp sends them, and what sends them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec
from aiohttp import web

from charter_engine.errors import CharterError
from charter_engine.gateway.errors import GatewayError, failed_by
from charter_engine.gateway.passing import Passing

JSON = "application/json"
EVENTS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
LAST_EVENT_SECONDS = 5.0
"""Assumed: a client that reads takes one event at once."""
log = logging.getLogger(__name__)


class Responder(Protocol):
    """Answers the requests of one route."""

    async def answer(self, request: web.Request, passing: Passing, /) -> web.StreamResponse:
        """Raises `GatewayError` as long as nothing was sent."""

    def error(self, error: GatewayError) -> object:
        """The body of an error, in the API's own shape."""


def json_answer(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A whole answer."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, headers=headers, content_type=JSON
    )


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """What is done in time; every failure of the server or the clock is a `GatewayError`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (GatewayError, ConnectionError):
        raise
    except CharterError as error:
        raise failed_by(error) from None
    except TimeoutError:
        raise GatewayError(
            504, f"the answer was not there after {seconds:g} s, and was given up"
        ) from None
    except Exception as error:
        log.exception("a request failed")
        raise GatewayError(500, f"{type(error).__name__}: {error}") from None


async def end_with(request: web.Request, response: web.StreamResponse, last: bytes) -> None:
    """Send the last event of a stream that failed; a client that takes nothing is let go."""
    try:
        async with asyncio.timeout(LAST_EVENT_SECONDS):
            await response.write(last)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
