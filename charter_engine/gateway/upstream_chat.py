"""Answers by the chat route of an upstream that lacks the API that was asked in."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from msgspec import Struct

from charter_engine.gateway.asking import (
    Asking,
    Chat,
    ChatMessage,
    Ended,
    FinishReason,
    Piece,
    Text,
    TokenUsage,
    ToolCall,
    call_body,
    tool_body,
)
from charter_engine.gateway.errors import GatewayError, broken_off
from charter_engine.gateway.passing import Passing
from charter_engine.gateway.server_sent import data_of
from charter_engine.gateway.upstream import Upstream, chunks_of

PATH = "/v1/chat/completions"


class FunctionDelta(Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(Struct, frozen=True):
    index: int = 0
    id: str | None = None
    function: FunctionDelta = FunctionDelta()


class MessageDelta(Struct, frozen=True):
    content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChoiceDelta(Struct, frozen=True):
    delta: MessageDelta = MessageDelta()
    finish_reason: str | None = None


class CachedTokens(Struct, frozen=True):
    cached_tokens: int | None = None


class ChunkUsage(Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: CachedTokens | None = None


class ChunkError(Struct, frozen=True):
    message: str = ""


class ChatChunk(Struct, frozen=True):
    choices: list[ChoiceDelta] = []
    usage: ChunkUsage | None = None
    error: ChunkError | None = None


class UpstreamChat:
    """A conversation is asked for in OpenAI's form, always streamed."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def answer(self, asking: Asking, passing: Passing) -> AsyncGenerator[Piece]:
        given = {
            name: value
            for name, value in passing.headers.items()
            if not name.lower().startswith(("content-", "anthropic-", "accept"))
        }
        headers = self._upstream.headers(given, passing.onward_headers)
        headers["Content-Type"] = "application/json"
        body = msgspec.json.encode(chat_body(asking))
        async with await self._upstream.send("POST", PATH, headers, body) as response:
            if response.status != 200:
                raise GatewayError(response.status, _refusal(await response.read()))
            reader = _ChunkReader()
            async with aclosing(data_of(chunks_of(response))) as events:
                async for data in events:
                    for piece in reader.feed(data):
                        yield piece
            for piece in reader.finish():
                yield piece


class _ChunkReader:
    """Collects what comes in parts: the calls of functions, the reason, the usage."""

    def __init__(self) -> None:
        self._calls: dict[int, ToolCall] = {}
        self._reason: FinishReason | None = None
        self._usage = TokenUsage()

    def feed(self, data: bytes) -> list[Piece]:
        """Raises `GatewayError` for an error of the upstream's."""
        if data == b"[DONE]":
            return []
        try:
            chunk = msgspec.json.decode(data, type=ChatChunk)
        except msgspec.DecodeError as error:
            raise GatewayError(502, f"the upstream sent what is no chunk: {error}") from None
        if chunk.error is not None:
            raise GatewayError(502, chunk.error.message)
        if chunk.usage is not None:
            self._usage = _usage(chunk.usage)
        pieces: list[Piece] = []
        for choice in chunk.choices:
            if choice.delta.content:
                pieces.append(Text(choice.delta.content))
            for delta in choice.delta.tool_calls or ():
                self._add(delta)
            if choice.finish_reason:
                self._reason = _reason(choice.finish_reason)
        return pieces

    def finish(self) -> list[Piece]:
        """Raises `GatewayError` where the answer has no end."""
        if self._reason is None:
            raise broken_off()
        return [*self._calls.values(), Ended(reason=self._reason, usage=self._usage)]

    def _add(self, delta: ToolCallDelta) -> None:
        before = self._calls.get(delta.index, ToolCall(id="", name="", arguments=""))
        self._calls[delta.index] = ToolCall(
            id=delta.id or before.id,
            name=before.name or delta.function.name or "",
            arguments=before.arguments + (delta.function.arguments or ""),
        )


def chat_body(asking: Asking) -> dict[str, object]:
    """The request in OpenAI's form; what was not asked for is left out."""
    chat = asking.prompt
    assert isinstance(chat, Chat)
    sampling = asking.sampling
    choice: object = chat.tool_choice
    if chat.tool_choice not in {"auto", "none", "required"}:
        choice = {"type": "function", "function": {"name": chat.tool_choice}}
    body = {
        "model": asking.model,
        "messages": [_message(message) for message in chat.messages],
        "max_tokens": asking.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop": list(sampling.stop_words) or None,
        "tools": [tool_body(tool) for tool in chat.tools] or None,
        "tool_choice": choice if chat.tools else None,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return {name: value for name, value in body.items() if value is not None}


def _message(message: ChatMessage) -> dict[str, object]:
    found: dict[str, object] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        found["tool_calls"] = [call_body(call) for call in message.tool_calls]
    if message.tool_call_id:
        found["tool_call_id"] = message.tool_call_id
    return found


def _usage(usage: ChunkUsage) -> TokenUsage:
    details = usage.prompt_tokens_details
    return TokenUsage(
        prompt=usage.prompt_tokens,
        output=usage.completion_tokens,
        cached=details.cached_tokens if details else None,
    )


def _reason(word: str) -> FinishReason:
    match word:
        case "length":
            return "length"
        case "tool_calls" | "function_call":
            return "tool_calls"
        case _:
            return "stop"


def _refusal(body: bytes) -> str:
    """The upstream's own words."""
    try:
        refused = msgspec.json.decode(body, type=ChatChunk).error
    except msgspec.DecodeError:
        refused = None
    return refused.message if refused else body.decode(errors="replace")[:500]
