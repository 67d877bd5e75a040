"""Answers by `charter_bls` on Triton."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

from msgspec.structs import replace

from charter_engine.gateway.asking import (
    Asking,
    Chat,
    Ended,
    FinishReason,
    Piece,
    Text,
    TokenUsage,
    ToolCall,
)
from charter_engine.gateway.held_back import UpToStop
from charter_engine.gateway.passing import LONG_BODY_BYTES, Passing
from charter_engine.gateway.reached import ReachedTriton
from charter_engine.gateway.tool_calls import ToolCallReader
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import Unreachable
from charter_engine.triton.request import BLS_MODEL, Generated, GenerateRequest


class ModelBackend(Protocol):
    """Answers requests. Closing the pieces cancels the request. Raises `GatewayError` or
    `CharterError`."""

    def answer(self, asking: Asking, passing: Passing) -> AsyncGenerator[Piece]:
        """The answer piece by piece; the last piece is its end."""


class TritonBackend:
    """`run` and `agent` go with every request of a gateway that is there for one program alone."""

    def __init__(self, triton: ReachedTriton, *, run: str = "", agent: str = "") -> None:
        self._triton = triton
        self._run, self._agent = run, agent

    async def answer(self, asking: Asking, passing: Passing) -> AsyncGenerator[Piece]:
        request = await self._request(asking, passing)
        passing.prompt = request.text or ""
        reader = _AnswerReader(asking)
        last = Generated(text="")
        async with aclosing(self._generated(request, asking.stream)) as pieces:
            async for generated in pieces:
                for piece in reader.feed(generated.text):
                    yield piece
                last = generated
        for piece in reader.finish():
            yield piece
        passing.note(**_engine_figures(last))
        yield reader.ended(last, request.max_tokens)

    async def _request(self, asking: Asking, passing: Passing) -> GenerateRequest:
        """Long prompts are counted on a thread."""
        record = passing.record
        given = (asking, record.request_id, record.session)
        if len(passing.body) < LONG_BODY_BYTES:
            request = self._triton.model.request(*given)
        else:
            request = await asyncio.to_thread(self._triton.model.request, *given)
        source = "program" if self._run else "gateway"
        return replace(
            request,
            run=self._run,
            agent=self._agent,
            source=source,
            ends_session=record.ends_session,
            headers=passing.trace.headers,
        )

    async def _generated(self, request: GenerateRequest, stream: bool) -> AsyncGenerator[Generated]:
        """From where Triton is by now, if it is not where it was and nothing came from there."""
        client = self._triton.client
        answered = False
        try:
            async with aclosing(_pieces(client, request, stream)) as pieces:
                async for piece in pieces:
                    answered = True
                    yield piece
            return
        except Unreachable:
            if answered or not await self._triton.follow(client):
                raise
        async with aclosing(_pieces(self._triton.client, request, stream)) as pieces:
            async for piece in pieces:
                yield piece


async def _pieces(
    client: TritonClient, request: GenerateRequest, stream: bool
) -> AsyncGenerator[Generated]:
    """In pieces where that is wanted and the model can; else as one."""
    if stream and (await client.contract(BLS_MODEL)).decoupled:
        async with aclosing(client.stream(request)) as pieces:
            async for piece in pieces:
                yield piece
    else:
        yield await client.generate(request)


class _AnswerReader:
    """Turns generated text into an answer: up to the stop words, with calls told from text."""

    def __init__(self, asking: Asking) -> None:
        self._up_to_stop = UpToStop(asking.sampling.stop_words)
        has_tools = isinstance(asking.prompt, Chat) and asking.prompt.offered_tools
        self._calls = ToolCallReader() if has_tools else None
        self._called = False

    def feed(self, text: str) -> Sequence[Text | ToolCall]:
        return self._read(self._up_to_stop.feed(text))

    def finish(self) -> Sequence[Text | ToolCall]:
        pieces = self._read(self._up_to_stop.finish())
        if self._calls is None:
            return pieces
        return [*pieces, *self._seen(list(self._calls.finish()))]

    def ended(self, last: Generated, max_tokens: int) -> Ended:
        """The end of the answer, whose counters came with the last piece."""
        stop_word = self._up_to_stop.stop_word
        reason: FinishReason = "tool_calls" if self._called else "stop"
        if reason == "stop" and not stop_word and (last.output_tokens or 0) >= max_tokens:
            reason = "length"
        return Ended(reason=reason, usage=_usage(last), stop_word=stop_word, node=last.node)

    def _read(self, text: str) -> Sequence[Text | ToolCall]:
        if not text:
            return ()
        if self._calls is None:
            return (Text(text),)
        return self._seen(list(self._calls.feed(text)))

    def _seen(self, pieces: Sequence[Text | ToolCall]) -> Sequence[Text | ToolCall]:
        self._called |= any(isinstance(piece, ToolCall) for piece in pieces)
        return pieces


def _engine_figures(last: Generated) -> dict[str, int | float | None]:
    """What the engine tells of a request beyond its tokens."""
    return {
        "reused_blocks": last.reused_blocks,
        "missed_blocks": last.missed_blocks,
        "alloc_new_blocks": last.alloc_new_blocks,
        "alloc_total_blocks": last.alloc_total_blocks,
        "queue_ms": last.queue_ms,
        "engine_ttft_ms": last.ttft_ms,
    }


def _usage(last: Generated) -> TokenUsage:
    return TokenUsage(
        prompt=last.prompt_tokens or 0,
        output=last.output_tokens or 0,
        cached=last.reused_tokens,
    )
