"""The client that an agent is given: it completes prompts through a gateway, or by Triton itself.

    from charter_engine.client import Client

    agent = MyAgent(Client())

Where to is said by `base_url` (a gateway: its `/v1/completions` is asked) or `triton` (the
`generate` endpoint of `charter_bls` there), else by the environment: `CHARTER_BASE_URL`, which
`charter-engine run AGENT -- PROGRAM` sets, or `CHARTER_TRITON`.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from aiohttp import ClientSession

BASE_URL, TRITON, API_KEY = "CHARTER_BASE_URL", "CHARTER_TRITON", "CHARTER_API_KEY"
"""Variables of the environment."""
MODEL = "charter_bls"
DEFAULT_MAX_TOKENS = 256
"""Taken from what a run gives a call that says nothing (`analysis.agent_workload`)."""
DEFAULT_SECONDS = 600.0
"""As OpenAI's client waits (`openai.DEFAULT_TIMEOUT`)."""
SESSION_HEADER = "X-Charter-Session"
REFUSED_STATUS = (401, 403)
"""Taken from RFC 9110: unauthorised, and forbidden."""


@dataclass(frozen=True)
class Endpoint:
    """Where prompts are sent, and how they and their answers are put there."""

    url: str
    is_gateway: bool
    session: str = ""
    key: str = ""

    def body(self, prompt: str, max_tokens: int) -> bytes:
        if self.is_gateway:
            return json.dumps({"model": MODEL, "prompt": prompt, "max_tokens": max_tokens}).encode()
        session = {"charter_session": self.session} if self.session else {}
        return json.dumps({"text_input": prompt, "max_tokens": max_tokens, **session}).encode()

    @property
    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.is_gateway and self.session:
            headers[SESSION_HEADER] = self.session
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return headers

    def text_of(self, answer: bytes) -> str:
        """The text that was generated. Raises `CharterError` for what is no answer."""
        try:
            read = json.loads(answer)
            text = read["choices"][0]["text"] if self.is_gateway else read["text_output"]
        except (ValueError, LookupError, TypeError):
            text = None
        if not isinstance(text, str):
            raise CharterError(f"{self.url}: the answer holds no text", remedy=self._remedy)
        return text

    def failed(self, status: int, answer: bytes) -> CharterError:
        """What an answer of another status than 200 says."""
        words = f"{self.url} answered {status}: {_error_of(answer)}"
        remedy = f"set {API_KEY} to the key it wants" if status in REFUSED_STATUS else ""
        return CharterError(words, remedy=remedy, kind="refused")

    def unreachable(self, error: BaseException) -> CharterError:
        reason = str(getattr(error, "reason", "") or error) or "no answer in time"
        return CharterError(f"{self.url}: {reason}", remedy=self._remedy, kind="unreachable")

    @property
    def _remedy(self) -> str:
        if self.is_gateway:
            return "is this the address that charter-engine gateway listens on?"
        return "is this Triton's HTTP port, and is charter_bls loaded there?"


class Client:
    """Completes prompts. Its methods may be called from any thread.

    `base_url` is a gateway's (`http://127.0.0.1:8090`), `triton` the address of Triton's HTTP port
    (`127.0.0.1:8000`). `session` names the conversation that the prompts belong to; without one
    they are told apart by content. An answer may take `seconds`. Raises `UsageError` where neither
    the arguments nor the environment say where to.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        triton: str | None = None,
        api_key: str | None = None,
        session: str = "",
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        self._endpoint = endpoint(base_url, triton, api_key, session, os.environ)
        self._seconds = seconds
        # Straight there: a proxy for the world outside has no way to this address.
        self._opener = build_opener(ProxyHandler({}))

    def generate(self, prompt: str, max_tokens: int = DEFAULT_MAX_TOKENS) -> str:
        """The text that the model writes behind the prompt. Raises `CharterError`."""
        to = self._endpoint
        request = Request(to.url, to.body(prompt, max_tokens), to.headers)
        try:
            with self._opener.open(request, timeout=self._seconds) as answer:
                return to.text_of(answer.read())
        except HTTPError as error:
            raise to.failed(error.code, error.read()) from None
        except (OSError, HTTPException) as error:
            raise to.unreachable(error) from None


class AsyncClient:
    """As `Client`, for programs that wait on an event loop. Cancelling a task cancels its request.

    Connections are kept until `close`; as an async context manager it closes itself.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        triton: str | None = None,
        api_key: str | None = None,
        session: str = "",
        seconds: float = DEFAULT_SECONDS,
    ) -> None:
        self._endpoint = endpoint(base_url, triton, api_key, session, os.environ)
        self._seconds = seconds
        self._session: ClientSession | None = None

    async def generate(self, prompt: str, max_tokens: int = DEFAULT_MAX_TOKENS) -> str:
        """The text that the model writes behind the prompt. Raises `CharterError`."""
        from aiohttp import ClientError

        to = self._endpoint
        try:
            async with self._opened().post(
                to.url, data=to.body(prompt, max_tokens), headers=to.headers
            ) as answer:
                content = await answer.read()
        except (ClientError, OSError) as error:
            raise to.unreachable(error) from None
        if answer.status != 200:
            raise to.failed(answer.status, content)
        return to.text_of(content)

    async def close(self) -> None:
        """Let the connections go."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _opened(self) -> "ClientSession":
        # Imported late: aiohttp is what takes long to load, and only this client needs it.
        from aiohttp import ClientSession, ClientTimeout, TCPConnector

        if self._session is None:
            self._session = ClientSession(
                timeout=ClientTimeout(total=self._seconds), connector=TCPConnector(limit=0)
            )
        return self._session


def endpoint(
    base_url: str | None,
    triton: str | None,
    api_key: str | None,
    session: str,
    environment: Mapping[str, str],
) -> Endpoint:
    """Where the arguments lead to, or else the environment. Raises `UsageError`."""
    if base_url and triton:
        raise UsageError("base_url and triton: prompts are sent to one of them")
    if not base_url and not triton:
        base_url, triton = environment.get(BASE_URL), environment.get(TRITON)
    key = environment.get(API_KEY, "") if api_key is None else api_key
    if base_url:
        base = _http(base_url).removesuffix("/v1")
        return Endpoint(f"{base}/v1/completions", is_gateway=True, session=session, key=key)
    if triton:
        url = f"{_http(triton)}/v2/models/{MODEL}/generate"
        return Endpoint(url, is_gateway=False, session=session, key=key)
    raise UsageError(
        "nobody says where prompts are sent to",
        remedy=f"give base_url or triton, set {BASE_URL} or {TRITON}, or start the program by "
        "charter-engine run AGENT -- PROGRAM",
    )


def _http(address: str) -> str:
    """An address as a URL without a slash at its end. Raises `UsageError`."""
    url = address if "://" in address else f"http://{address}"
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{address}: not an http:// or https:// address")
    return url.rstrip("/")


def _error_of(answer: bytes) -> str:
    """The message of an error in Triton's or OpenAI's shape, else the answer's begin."""
    try:
        error: Any = json.loads(answer)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, LookupError, TypeError):
        return answer[:200].decode(errors="replace").strip() or "no reason given"
