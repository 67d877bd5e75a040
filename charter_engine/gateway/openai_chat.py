"""OpenAI's `/v1/chat/completions`."""

import time
import uuid
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
    call_body,
)
from charter_engine.gateway.bodies import (
    Content,
    Count,
    read_body,
    text_of,
)
from charter_engine.gateway.errors import GatewayError, not_supported
from charter_engine.gateway.openai_bodies import SampledBody
from charter_engine.gateway.openai_errors import error_body, error_event
from charter_engine.gateway.server_sent import DONE, event

ONE_ANSWER = "one answer is given to a request; send it again for another"


class CalledFunction(Struct, frozen=True):
    name: str
    arguments: str = ""


class FunctionCall(Struct, frozen=True):
    function: CalledFunction
    id: str = ""


class ChatBodyMessage(Struct, frozen=True):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Content = None
    tool_calls: list[FunctionCall] | None = None
    tool_call_id: str = ""


class OfferedFunction(Struct, frozen=True):
    name: str
    description: str | None = None
    parameters: dict[str, object] | None = None


class OfferedTool(Struct, frozen=True):
    function: OfferedFunction
    type: Literal["function"] = "function"


class ChosenFunction(Struct, frozen=True):
    name: str


class ToolChoice(Struct, frozen=True):
    function: ChosenFunction


class ResponseFormat(Struct, frozen=True):
    type: str = "text"


class ChatBody(SampledBody, frozen=True, kw_only=True):
    """What is read of a request; other fields change nothing here."""

    messages: list[ChatBodyMessage]
    max_completion_tokens: Count | None = None
    tools: list[OfferedTool] | None = None
    tool_choice: Literal["auto", "none", "required"] | ToolChoice | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    logit_bias: dict[str, float] | None = None


class OpenAiChat:
    """A conversation in OpenAI's form."""

    last_words = b"[DONE]"

    def read(self, body: bytes) -> Asking:
        asked = read_body(body, ChatBody)
        _require_possible(asked)
        choice = asked.tool_choice or "auto"
        return Asking(
            model=asked.model,
            prompt=Chat(
                messages=tuple(_message(message) for message in asked.messages),
                tools=tuple(_tool(tool.function) for tool in asked.tools or ()),
                tool_choice=choice if isinstance(choice, str) else choice.function.name,
            ),
            max_tokens=asked.max_completion_tokens or asked.max_tokens,
            sampling=asked.sampling,
            stream=bool(asked.stream),
            usage_in_stream=asked.usage_in_stream,
        )

    def whole(self, asking: Asking, answer: Answered) -> object:
        message: dict[str, object] = {
            "role": "assistant",
            "content": answer.text if answer.text or not answer.tool_calls else None,
            "refusal": None,
        }
        if answer.tool_calls:
            message["tool_calls"] = [call_body(call) for call in answer.tool_calls]
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": answer.ended.reason,
        }
        return {
            **_head(_new_id(), "chat.completion", asking.model, int(time.time())),
            "choices": [choice],
            "usage": usage_body(answer.ended.usage),
        }

    def events(self, asking: Asking) -> "ChatEvents":
        return ChatEvents(asking)

    def error(self, error: GatewayError) -> object:
        return error_body(error)

    def failure(self, error: GatewayError, _events: int) -> bytes:
        return error_event(error)


class ChatEvents:
    """A streamed answer: `chat.completion.chunk` objects."""

    def __init__(self, asking: Asking) -> None:
        self._head = _head(_new_id(), "chat.completion.chunk", asking.model, int(time.time()))
        self._with_usage = asking.usage_in_stream
        self._calls = 0

    def begin(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, piece: Piece) -> bytes:
        match piece:
            case Text(text):
                return self._chunk({"content": text})
            case ToolCall():
                self._calls += 1
                return self._chunk({"tool_calls": [{"index": self._calls - 1, **call_body(piece)}]})
            case Ended():
                usage = event({**self._head, "choices": [], "usage": usage_body(piece.usage)})
                return self._chunk({}, piece.reason) + (usage if self._with_usage else b"") + DONE

    def _chunk(self, delta: dict[str, object], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return event({**self._head, "choices": [choice]})


def usage_body(usage: TokenUsage) -> dict[str, object]:
    """The tokens of an answer, as chat and completions tell them."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached or 0},
    }


def _require_possible(asked: ChatBody) -> None:
    """Raises `GatewayError` for what `charter_bls` cannot do."""
    if asked.n not in {None, 1}:
        raise not_supported("n", ONE_ANSWER)
    if asked.response_format is not None and asked.response_format.type != "text":
        raise not_supported("response_format", "the server's answers are text without a schema")
    if asked.logprobs:
        raise not_supported("logprobs", "the server gives none")
    if asked.logit_bias:
        raise not_supported("logit_bias", "the server takes none")
    if not asked.messages:
        raise GatewayError(400, "messages is empty: send one at least", field="messages")


def _message(message: ChatBodyMessage) -> ChatMessage:
    role = message.role
    return ChatMessage(
        role="system" if role == "developer" else "tool" if role == "function" else role,
        content=text_of(message.content),
        tool_calls=tuple(
            ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
            for call in message.tool_calls or ()
        ),
        tool_call_id=message.tool_call_id,
    )


def _tool(function: OfferedFunction) -> FunctionTool:
    return FunctionTool(
        name=function.name,
        description=function.description or "",
        parameters=function.parameters or {},
    )


def _head(name: str, kind: str, model: str, created: int) -> dict[str, object]:
    return {"id": name, "object": kind, "created": created, "model": model}


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"
