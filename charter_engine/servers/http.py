"""HTTP with one server: what it answers, and why it does not."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from charter_engine.errors import CharterError
from charter_engine.servers.metric_page import MetricPage

T = TypeVar("T")
ASK_SECONDS = 10.0
"""Assumed: what a server tells of itself it tells at once, also under load."""
COMPLETE_SECONDS = 900.0
"""Longer than any answer takes."""
MAX_BYTES = 16 << 20
"""Assumed: a metrics page of many models has a few MiB."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What JSON from outside may raise."""
WANTS_KEY = {401, 403}
EVENT_STREAM, DATA, ENDED = "text/event-stream", b"data: ", b"[DONE]"
"""Of OpenAI's streams."""


class NotHttp(CharterError):
    """Something listens there, and does not speak HTTP."""

    kind = "refused"


class Reply(Struct, frozen=True):
    """An answer of HTTP, read whole, and the URL it is of."""

    url: str
    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def read(self, kind: type[T]) -> T:
        """The JSON that it is. Raises `CharterError` where it is not of that kind."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except UNREADABLE as error:
            raise CharterError(
                f"{self.url} answers what Charter does not understand: {error}", kind="refused"
            ) from None

    def document(self) -> dict[str, Any]:
        """The JSON object that it is; empty where it is none."""
        try:
            found = msgspec.json.decode(self.body)
        except UNREADABLE:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def error(self) -> str:
        """The server's own words for why it said no."""
        document = self.document()
        found = document.get("error", document.get("message", document.get("detail")))
        words = found.get("message") if isinstance(found, Mapping) else found
        return str(words or self.text)[:500]


class ServerHttp:
    """An async context manager. `url` has no path; `key` is sent as a bearer token."""

    def __init__(self, url: str, key: str = "", root_certificates: str = "") -> None:
        """Raises `CharterError` for a file that holds no certificates."""
        self.url = url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._certificates = certificates_in(root_certificates)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._certificates or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
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

    async def get(self, path: str) -> Reply:
        """Raises `CharterError` where nobody answers, or wants a key."""
        return await self._ask("GET", path, None, ASK_SECONDS)

    async def metrics(self, prefix: str) -> MetricPage:
        """Its Prometheus page, whose names begin with the prefix; one without samples where it has
        none. Raises as `get` does."""
        reply = await self.get("/metrics")
        return MetricPage.read(reply.text if reply.ok else "", (prefix,))

    async def post(self, path: str, body: object, seconds: float = COMPLETE_SECONDS) -> Reply:
        """Send a body as JSON. Raises as `get` does."""
        return await self._ask("POST", path, msgspec.json.encode(body), seconds)

    async def events(self, path: str, body: object) -> AsyncGenerator[Reply]:
        """What a stream of events holds, one reply an event; an answer that is no stream is the
        only one. Raises as `get` does."""
        assert self._session is not None
        headers = {"Content-Type": "application/json"}
        encoded, place = msgspec.json.encode(body), self.url + path
        try:
            async with (
                asyncio.timeout(COMPLETE_SECONDS),
                self._session.post(
                    place,
                    data=encoded,
                    headers=headers,
                    allow_redirects=False,
                    read_bufsize=MAX_BYTES,
                ) as answer,
            ):
                if answer.content_type != EVENT_STREAM:
                    yield _admitted(Reply(place, answer.status, await self._read(answer)))
                    return
                async for line in answer.content:
                    if line.startswith(DATA) and line.strip() != DATA + ENDED:
                        yield Reply(place, answer.status, line.removeprefix(DATA))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._explained(error) from None
        except ValueError as error:  # a line without an end
            raise CharterError(f"{place}: {error}", kind="refused") from None

    async def _ask(self, method: str, path: str, body: bytes | None, seconds: float) -> Reply:
        assert self._session is not None
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.request(
                    method, self.url + path, data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                reply = Reply(self.url + path, answer.status, await self._read(answer))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._explained(error) from None
        return _admitted(reply)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for part in answer.content.iter_any():
            body += part
            if len(body) > MAX_BYTES:
                raise CharterError(f"{answer.url}: the answer is larger than {MAX_BYTES >> 20} MiB")
        return bytes(body)

    def _explained(self, error: Exception) -> CharterError:
        match error:
            case TimeoutError():
                return CharterError(f"{self.url} does not answer in time", kind="unreachable")
            case aiohttp.ClientConnectorCertificateError():
                return CharterError(
                    f"{self.url}: its certificate is not trusted: {error.certificate_error}",
                    remedy="name the certificates that sign it: --ca FILE",
                    kind="unreachable",
                )
            case aiohttp.ClientSSLError():
                return NotHttp(
                    f"{self.url}: no TLS is spoken there", remedy="is it http://, without --tls?"
                )
            case aiohttp.ClientConnectorError():
                return CharterError(
                    f"{self.url} does not answer: {error.strerror or error}",
                    remedy="is it up, and is this its port?",
                    kind="unreachable",
                )
            case aiohttp.InvalidURL():
                return CharterError(f"{self.url}: not an address", kind="usage")
            case _:
                return NotHttp(
                    f"{self.url}: what answers there speaks no HTTP",
                    remedy="is it https://? Triton's gRPC port is given as HOST:PORT",
                )


def _admitted(reply: Reply) -> Reply:
    """The answer of a server that let us in. Raises `CharterError`."""
    if reply.status in WANTS_KEY:
        raise CharterError(
            f"{reply.url}: {reply.status}, it wants a key that it knows",
            remedy="--key env:VARIABLE, @FILE or keyring:SERVICE/USER; beside --server it is "
            "--server-key",
            kind="refused",
        )
    return reply


def certificates_in(path: str) -> ssl.SSLContext | None:
    """The certificates in a file of PEM; None for no file. Raises `CharterError`."""
    if not path:
        return None
    try:
        return ssl.create_default_context(cafile=Path(path))
    except (OSError, ssl.SSLError) as error:
        raise CharterError(f"--ca {path}: {error}", kind="usage") from None
