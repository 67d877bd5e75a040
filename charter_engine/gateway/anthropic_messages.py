"""Anthropic's `/v1/messages` (docs.anthropic.com, "Messages" and "Streaming messages")."""

import json
import uuid
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from charter_engine.gateway.asking import (
    Answered,
    Asking,
    Chat,
    ChatMessage,
    Ended,
    FunctionTool,
    Piece,
    Text,
    TokenUsage,
    ToolCall,
)
from charter_engine.gateway.bodies import Count, Share, Temperature, read_body
from charter_engine.gateway.errors import GatewayError, not_supported
from charter_engine.gateway.server_sent import event
from charter_engine.triton.request import Sampling

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
TOOL_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
UNREAD_BLOCKS = {"thinking", "redacted_thinking"}
"""What a model thought in earlier turns: templates have no place for it."""


class ContentBlock(Struct, frozen=True):
    """A part of a message: `text`, `tool_use` or `tool_result`. Others cannot be read."""

    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: dict[str, object] = {}
    tool_use_id: str = ""
    content: "str | list[ContentBlock] | None" = None


class MessageBody(Struct, frozen=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[ContentBlock]


class ToolBody(Struct, frozen=True):
    name: str
    description: str = ""
    input_schema: dict[str, object] | None = None


class ToolChoiceBody(Struct, frozen=True):
    type: Literal["auto", "any", "tool", "none"]
    name: str = ""


class MessagesBody(Struct, frozen=True, kw_only=True):
    """What is read of a request; other fields change nothing here."""

    model: str
    messages: list[MessageBody]
    max_tokens: Count | None = None
    system: str | list[ContentBlock] = ""
    stop_sequences: list[str] = []
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Count | None = None
    stream: bool = False
    tools: list[ToolBody] = []
    tool_choice: ToolChoiceBody | None = None


class AnthropicMessages:
    """A conversation in Anthropic's form."""

    last_words = b"message_stop"

    def read(self, body: bytes) -> Asking:
        asked = read_body(body, MessagesBody)
        if asked.max_tokens is None:
            raise GatewayError(400, "max_tokens: Field required", field="max_tokens")
        return Asking(
            model=asked.model,
            prompt=chat_of(asked),
            max_tokens=asked.max_tokens,
            sampling=Sampling(
                temperature=asked.temperature,
                top_p=asked.top_p,
                top_k=asked.top_k,
                stop_words=tuple(asked.stop_sequences),
            ),
            stream=asked.stream,
        )

    def whole(self, asking: Asking, answer: Answered) -> object:
        text = [{"type": "text", "text": answer.text}] if answer.text else []
        calls = [
            _tool_use(call) | {"input": json.loads(call.arguments)} for call in answer.tool_calls
        ]
        return _message(asking.model) | {
            "content": [*text, *calls],
            **_stopped(answer.ended),
            "usage": usage_body(answer.ended.usage),
        }

    def events(self, asking: Asking) -> "MessageEvents":
        return MessageEvents(asking)

    def error(self, error: GatewayError) -> object:
        return error_body(error)

    def failure(self, error: GatewayError, _events: int) -> bytes:
        return event(error_body(error), "error")


class MessageEvents:
    """A streamed answer: blocks of text and of calls, one after the other."""

    def __init__(self, asking: Asking) -> None:
        self._model = asking.model
        self._blocks = 0
        self._in_text = False

    def begin(self) -> bytes:
        """The prompt's tokens are known at the end only, and told there."""
        return _event("message_start", message=_message(self._model))

    def piece(self, piece: Piece) -> bytes:
        match piece:
            case Text(text):
                begin = b"" if self._in_text else self._start({"type": "text", "text": ""})
                self._in_text = True
                return begin + self._delta({"type": "text_delta", "text": text})
            case ToolCall():
                return (
                    self._end_of_text()
                    + self._start(_tool_use(piece))
                    + self._delta({"type": "input_json_delta", "partial_json": piece.arguments})
                    + self._stop()
                )
            case Ended():
                return (
                    self._end_of_text()
                    + _event("message_delta", delta=_stopped(piece), usage=usage_body(piece.usage))
                    + _event("message_stop")
                )

    def _end_of_text(self) -> bytes:
        if not self._in_text:
            return b""
        self._in_text = False
        return self._stop()

    def _start(self, block: dict[str, object]) -> bytes:
        return _event("content_block_start", index=self._blocks, content_block=block)

    def _delta(self, delta: dict[str, object]) -> bytes:
        return _event("content_block_delta", index=self._blocks, delta=delta)

    def _stop(self) -> bytes:
        self._blocks += 1
        return _event("content_block_stop", index=self._blocks - 1)


def chat_of(asked: MessagesBody) -> Chat:
    """The conversation. Raises `GatewayError` for what is no text and no call."""
    system = _text(asked.system, "system")
    if not asked.messages:
        raise GatewayError(400, "messages: at least one message is required", field="messages")
    first = (ChatMessage(role="system", content=system),) if system else ()
    messages = (found for message in asked.messages for found in _messages(message))
    choice = asked.tool_choice
    return Chat(
        messages=(*first, *messages),
        tools=tuple(map(_tool, asked.tools)),
        tool_choice=TOOL_CHOICES.get(choice.type, choice.name) if choice else "auto",
    )


def usage_body(usage: TokenUsage) -> dict[str, object]:
    """Anthropic counts apart what was read from the cache."""
    return {
        "input_tokens": usage.prompt - (usage.cached or 0),
        "output_tokens": usage.output,
        "cache_read_input_tokens": usage.cached or 0,
        "cache_creation_input_tokens": 0,
    }


def error_body(error: GatewayError) -> dict[str, object]:
    """The body of a failed request, and the data of a failed stream's last event."""
    kind = ERROR_TYPES.get(error.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}}


def _messages(message: MessageBody) -> Iterator[ChatMessage]:
    """A message as those of a chat: the results of calls come before what the user says."""
    if isinstance(message.content, str):
        yield ChatMessage(role=message.role, content=message.content)
        return
    results = [block for block in message.content if block.type == "tool_result"]
    for block in results:
        yield ChatMessage(
            role="tool",
            content=_text(block.content or "", "messages"),
            tool_call_id=block.tool_use_id,
        )
    rest = [block for block in message.content if block.type != "tool_result"]
    calls = tuple(
        ToolCall(id=block.id, name=block.name, arguments=json.dumps(block.input))
        for block in rest
        if block.type == "tool_use"
    )
    text = _text([block for block in rest if block.type != "tool_use"], "messages")
    if text or calls or not results:
        yield ChatMessage(role=message.role, content=text, tool_calls=calls)


def _text(content: str | list[ContentBlock], field: str) -> str:
    if isinstance(content, str):
        return content
    read = [block for block in content if block.type not in UNREAD_BLOCKS]
    other = next((block.type for block in read if block.type != "text"), None)
    if other is not None:
        raise not_supported(field, f"a block of type {other!r} is no text")
    return "".join(block.text for block in read)


def _tool(tool: ToolBody) -> FunctionTool:
    if tool.input_schema is None:
        raise not_supported("tools", f"{tool.name!r} is no function of the client's")
    return FunctionTool(name=tool.name, description=tool.description, parameters=tool.input_schema)


def _tool_use(call: ToolCall) -> dict[str, object]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}


def _stopped(ended: Ended) -> dict[str, object]:
    reason = "stop_sequence" if ended.stop_word else STOP_REASONS[ended.reason]
    return {"stop_reason": reason, "stop_sequence": ended.stop_word or None}


def _message(model: str) -> dict[str, object]:
    return {
        "id": f"msg_{uuid.uuid4().hex}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_body(TokenUsage()),
    }


def _event(name: str, **data: object) -> bytes:
    return event({"type": name, **data}, name)
