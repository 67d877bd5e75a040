"""Requests and answers of an upstream that speaks the API itself: passed on as they come."""

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import aclosing

from aiohttp import ClientResponse, web

from charter_engine.contracts.gateway import GatewayFinish
from charter_engine.gateway.answers import end_with, within
from charter_engine.gateway.asking import TokenUsage
from charter_engine.gateway.dialect import Dialect
from charter_engine.gateway.errors import GatewayError, broken_off
from charter_engine.gateway.message_layout import BodyLayout
from charter_engine.gateway.passing import LONG_BODY_BYTES, Passing
from charter_engine.gateway.upstream import NOT_PASSED_ON, Upstream, chunks_of
from charter_engine.servers.http import Reply

TAIL_BYTES = 4096
"""The end of an answer, in which its usage stands."""
NO_ROOM = {429, 502, 503}
_REASON = re.compile(rb'"(?:finish|stop)_reason":\s*"(\w+)"')
_USAGE = re.compile(rb'"usage":\s*(?=\{)')
_FINISHES: dict[bytes, GatewayFinish] = {
    b"length": "length",
    b"max_tokens": "length",
    b"tool_calls": "tool_calls",
    b"tool_use": "tool_calls",
}
_decoder = json.JSONDecoder()


class PassedOn:
    """`dialect` tells of failures of the upstream itself, and how a stream of its ends. With a
    `layout` prompts are laid out before.

    With `others` an upstream that has no room is a failure, so that another may answer.
    """

    def __init__(
        self,
        upstream: Upstream,
        dialect: Dialect,
        deadline_seconds: float,
        layout: BodyLayout | None = None,
        *,
        others: bool = False,
    ) -> None:
        self._upstream = upstream
        self._others = others
        self._dialect = dialect
        self._deadline_seconds = deadline_seconds
        self._layout = layout

    def error(self, error: GatewayError) -> object:
        return self._dialect.error(error)

    async def answer(self, request: web.Request, passing: Passing) -> web.StreamResponse:
        headers = self._upstream.headers(request.headers, passing.onward_headers)
        response: web.StreamResponse | None = None
        body = passing.sent = await self._laid_out(passing)
        try:
            async with (
                within(self._deadline_seconds),
                await self._upstream.send(request.method, request.path_qs, headers, body) as answer,
            ):
                if self._others and answer.status in NO_ROOM:
                    raise _no_room(self._upstream.url, answer.status)
                passing.note(status=answer.status)
                if answer.content_type != "text/event-stream":
                    return await _whole(answer, passing)
                response = web.StreamResponse(
                    status=answer.status, headers=_headers(answer.headers, passing)
                )
                await self._streamed(request, response, answer, passing)
        except GatewayError as error:
            if response is None or not response.prepared:
                raise
            passing.failed(error.status, error.message)
            await end_with(request, response, self._dialect.failure(error, passing.events))
        else:
            await response.write_eof()
        return response

    async def _laid_out(self, passing: Passing) -> bytes:
        """The body to pass on. Long ones are laid out on a thread."""
        if self._layout is None:
            return passing.body
        given = (passing.body, passing.record.session)
        if len(passing.body) < LONG_BODY_BYTES:
            found = self._layout.of(*given)
        else:
            found = await asyncio.to_thread(self._layout.of, *given)
        passing.note(
            node=found.node,
            unmatched=found.unmatched,
            laid_out=found.laid_out,
            layout_reason=found.reason,
        )
        return found.body

    async def _streamed(
        self,
        request: web.Request,
        response: web.StreamResponse,
        answer: ClientResponse,
        passing: Passing,
    ) -> None:
        tail = b""
        async with aclosing(chunks_of(answer)) as chunks:
            async for chunk in chunks:
                passing.sending(chunk)
                passing.passed_back(chunk)
                await response.prepare(request)
                await response.write(chunk)
                tail = (tail + chunk)[-TAIL_BYTES:]
        if self._dialect.last_words not in tail:
            raise broken_off()
        _note_end(passing, tail)


def _no_room(url: str, status: int) -> GatewayError:
    return GatewayError(status, f"{url} takes no more requests: {status}", retriable=True)


async def _whole(answer: ClientResponse, passing: Passing) -> web.Response:
    async with aclosing(chunks_of(answer)) as chunks:
        body = b"".join([chunk async for chunk in chunks])
    passing.passed_back(body)
    _note_end(passing, body[-TAIL_BYTES:] if answer.status < 400 else body)
    return web.Response(body=body, status=answer.status, headers=_headers(answer.headers, passing))


def _note_end(passing: Passing, tail: bytes) -> None:
    """What the end of an answer tells of it, if it does."""
    usage = usage_in(tail)
    if usage is not None:
        passing.used(usage)
    if passing.record.status >= 400:
        words = Reply("", passing.record.status, tail).error
        passing.failed(passing.record.status, f"refused by the upstream: {words}")
    elif reasons := _REASON.findall(tail):
        passing.note(finish=_FINISHES.get(reasons[-1], "stop"))


def usage_in(tail: bytes) -> TokenUsage | None:
    """The tokens that the end of an answer tells, in OpenAI's words or Anthropic's."""
    places = [match.end() for match in _USAGE.finditer(tail)]
    if not places:
        return None
    try:
        usage, _ = _decoder.raw_decode(tail[places[-1] :].decode(errors="replace"))
    except ValueError:
        return None
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    read, created = (usage.get(f"cache_{kind}_input_tokens") for kind in ("read", "creation"))
    prompt = usage.get("prompt_tokens", usage.get("input_tokens")) or 0
    return TokenUsage(
        prompt=prompt + (read or 0) + (created or 0),
        output=usage.get("completion_tokens", usage.get("output_tokens")) or 0,
        cached=details.get("cached_tokens", read),
    )


def _headers(given: Mapping[str, str], passing: Passing) -> dict[str, str]:
    kept = {name: value for name, value in given.items() if name.lower() not in NOT_PASSED_ON}
    return kept | passing.answer_headers
