"""OpenAI's completions of token ids, and the fields beyond OpenAI's that a server may refuse."""

import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from msgspec import Struct

from charter_engine.contracts.server import KIND_IN_WORDS, ServerKind
from charter_engine.errors import CharterError
from charter_engine.servers.http import Reply, ServerHttp
from charter_engine.servers.protocol import TokenAnswer, TokenRequest

PATH = "/v1/completions"
REFUSED = {400, 422}
LACKING = {404, 405, 501}


class Completions:
    """Asks for completions, streamed. A field that was refused once is left out from then on:
    `refused`."""

    def __init__(self, http: ServerHttp, kind: ServerKind) -> None:
        self._http = http
        self._kind = kind
        self.refused: set[str] = set()

    async def ask(
        self, model: str, request: TokenRequest, fields: Mapping[str, Any]
    ) -> TokenAnswer:
        """Complete a prompt, with `fields` beyond OpenAI's. Raises `CharterError`."""
        body: dict[str, Any] = {
            "model": model,
            "prompt": list(request.token_ids),
            "max_tokens": request.max_tokens,
            "temperature": 0.0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        sent = {name: value for name, value in fields.items() if name not in self.refused}
        answer = await self._streamed(body | sent)
        while isinstance(answer, Reply) and (named := self._refused_field(answer, sent)):
            self.refused.add(named)
            del sent[named]
            answer = await self._streamed(body | sent)
        if isinstance(answer, Reply):
            raise refusal(answer, self._kind)
        return answer

    async def _streamed(self, body: Mapping[str, Any]) -> TokenAnswer | Reply:
        """The answer, or the reply that refuses it."""
        reading = AnswerReader()
        async with aclosing(self._http.events(PATH, body)) as events:
            async for event in events:
                if not event.ok or "error" in event.document():
                    return event
                reading.feed(event.read(CompletionEvent))
        return reading.answer()

    @staticmethod
    def _refused_field(reply: Reply, sent: Mapping[str, Any]) -> str:
        """The field that a refusal names, where it was sent."""
        if reply.status not in REFUSED:
            return ""
        return next((name for name in sent if name in reply.text), "")


class CachedPart(Struct, frozen=True):
    """How much of a prompt was cached."""

    cached_tokens: int | None = None


class UsageOfPrompt(Struct, frozen=True):
    """What a server counted of a request. Without details it was not told to."""

    prompt_tokens: int | None = None
    prompt_tokens_details: CachedPart | None = None


class TextPiece(Struct, frozen=True):
    """A part of the answer."""

    text: str | None = None
    token_ids: tuple[int, ...] | None = None


class CompletionEvent(Struct, frozen=True):
    """One event of a stream. The last one holds the usage."""

    choices: tuple[TextPiece, ...] = ()
    usage: UsageOfPrompt | None = None


class AnswerReader:
    """Puts an answer together from the events of its stream, and measures it."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._first: float | None = None
        self._text = ""
        self._output_ids: list[int] = []
        self._usage = UsageOfPrompt()

    def feed(self, event: CompletionEvent) -> None:
        for piece in event.choices:
            self._text += piece.text or ""
            self._output_ids += piece.token_ids or ()
            self._first = self._first or self._elapsed_ms()
        self._usage = event.usage or self._usage

    def answer(self) -> TokenAnswer:
        """The whole. Reused tokens are None where its usage has no details."""
        details = self._usage.prompt_tokens_details
        cached = None if details is None else details.cached_tokens
        return TokenAnswer(
            text=self._text,
            output_ids=tuple(self._output_ids),
            prompt_tokens=self._usage.prompt_tokens,
            reused_tokens=cached,
            reuse=None if cached is None else "measured",
            ttft_ms=self._first,
            latency_ms=self._elapsed_ms(),
        )

    def _elapsed_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000


def refusal(reply: Reply, kind: ServerKind) -> CharterError:
    """Why an answer is none."""
    if reply.status in LACKING:
        return CharterError(
            f"{reply.url}: this {KIND_IN_WORDS[kind]} answers {reply.status}: its model is "
            "reached by other routes",
            remedy="Charter asks models that complete text",
            kind="refused",
        )
    return CharterError(f"{reply.url}: {reply.status}: {reply.error}", kind="refused")
