"""A server of OpenAI's shape, reached by HTTP."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Self

import aiohttp

from charter_engine.gateway.errors import GatewayError, broken_off
from charter_engine.servers.http import certificates_in

CONNECT_SECONDS = 10.0
"""Assumed: TCP's third try comes after 7 s, and a server that is there has answered."""
PROBE_SECONDS = 10.0
"""Assumed: a server that is up answers a probe in well under a second."""
VERSION = "/v1"
NOT_PASSED_ON = {
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
}
"""Headers of one connection (RFC 9110, section 7.6.1), and those that are written anew."""
CREDENTIALS = {"authorization", "x-api-key"}
HEALTH = "/health"
FAILING = 500
"""Taken from RFC 9110: from here on the server itself fails."""
LACKING = {404, 405, 501}
UNDERSTOOD = {200, 400, 415, 422}


class Upstream:
    """An async context manager. `key` replaces the clients' own; with `own_key` the clients' is the
    gateway's and stays here."""

    def __init__(self, url: str, key: str, *, own_key: bool, root_certificates: str = "") -> None:
        """Raises `CharterError` for a file that holds no certificates."""
        self.url = url.rstrip("/").removesuffix(VERSION)
        self._key = key
        self._dropped = NOT_PASSED_ON | (CREDENTIALS if own_key or key else set())
        self._has: dict[str, bool] = {}
        self._certificates = certificates_in(root_certificates)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0, ssl=self._certificates or True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> aiohttp.ClientResponse:
        """The answer, as soon as its head is there: whoever sends closes it. Raises
        `GatewayError` where the upstream does not answer."""
        assert self._session is not None
        try:
            return await self._session.request(
                method,
                self.url + path,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
            )
        except (aiohttp.ClientError, OSError) as error:
            raise GatewayError(
                502, f"{self.url} does not answer: {_reason(error)}", retriable=True
            ) from None

    async def has(self, path: str, headers: Mapping[str, str]) -> bool:
        """Whether it has such a route: told by how it refuses an empty body. An answer that tells
        nothing of the route, such as to a wrong key, is the client's to see, and is not
        remembered. Raises `GatewayError`."""
        if path in self._has:
            return self._has[path]
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                async with await self.send("POST", path, headers, b"{}") as answer:
                    status = answer.status
        except TimeoutError:
            raise GatewayError(504, f"{self.url} does not answer", retriable=True) from None
        if status in LACKING | UNDERSTOOD:
            self._has[path] = status in UNDERSTOOD
        return status not in LACKING

    async def is_ready(self) -> bool:
        """Whether it takes requests, by the health route that vLLM, SGLang and `trtllm-serve`
        have. One without that route does as long as it answers."""
        try:
            async with await self.send("GET", HEALTH, self.headers({}, {}), b"") as answer:
                return answer.status < FAILING
        except GatewayError:
            return False

    def headers(self, given: Mapping[str, str], onward: Mapping[str, str]) -> dict[str, str]:
        """What is sent with a request of a client: `onward` in any case."""
        kept = {name: value for name, value in given.items() if name.lower() not in self._dropped}
        kept |= {**onward, "Accept-Encoding": "identity"}
        key = self._key or kept.get("X-Api-Key", kept.get("x-api-key", ""))
        if self._key:
            kept["X-Api-Key"] = key
        if key and not any(name.lower() == "authorization" for name in kept):
            kept["Authorization"] = f"Bearer {key}"
        return kept


async def chunks_of(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    """The body as it comes. Raises `GatewayError` where the upstream dies."""
    try:
        async for chunk in answer.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError) as error:
        raise broken_off(str(error)) from None


def _reason(error: Exception) -> str:
    """What the operating system says, where it is told: aiohttp names the address once more."""
    if isinstance(error, OSError) and error.errno:
        # Looking up a name fails with numbers of its own, below zero.
        told = os.strerror(error.errno) if error.errno > 0 else error.strerror
        return (told or str(error)).lower()
    return str(error) or type(error).__name__
