"""OpenAI's `/v1/responses`: text, and calls of functions."""

import time
import uuid
from collections.abc import Iterator, Sequence
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
    answered,
)
from charter_engine.gateway.bodies import Content, Count, Share, Temperature, read_body, text_of
from charter_engine.gateway.errors import GatewayError, not_supported
from charter_engine.gateway.openai_errors import error_body
from charter_engine.gateway.recent import RecentConversations
from charter_engine.gateway.server_sent import event
from charter_engine.triton.request import Sampling

IN_PROGRESS, COMPLETED, INCOMPLETE = "in_progress", "completed", "incomplete"
Item = dict[str, object]
UNREAD_ITEMS = {"reasoning"}
"""What a model thought in earlier turns: templates have no place for it."""


class InputItem(Struct, frozen=True):
    """A message, the call of a function, or what it gave. Others cannot be read."""

    type: str = "message"
    role: Literal["system", "developer", "user", "assistant"] = "user"
    content: Content = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: Content = None


class ResponseTool(Struct, frozen=True):
    type: str
    name: str = ""
    description: str | None = None
    parameters: dict[str, object] | None = None


class ChosenTool(Struct, frozen=True):
    name: str
    type: Literal["function"] = "function"


class TextFormat(Struct, frozen=True):
    type: str = "text"


class TextOptions(Struct, frozen=True):
    format: TextFormat = TextFormat()


class ResponsesBody(Struct, frozen=True, kw_only=True):
    """What is read of a request; other fields change nothing here."""

    model: str
    input: str | list[InputItem]
    instructions: str | None = None
    previous_response_id: str | None = None
    max_output_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    stream: bool | None = None
    store: bool | None = None
    background: bool | None = None
    tools: list[ResponseTool] | None = None
    tool_choice: Literal["auto", "none", "required"] | ChosenTool | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    metadata: dict[str, str] | None = None


class ResponseAsking(Asking, frozen=True, kw_only=True):
    """A request with what its answer repeats. `past` is the conversation without the
    instructions, which hold for one response only."""

    body: ResponsesBody
    past: tuple[ChatMessage, ...]


class OpenAiResponses:
    """A conversation in the form of responses. The last of them may be continued by their id."""

    last_words = b""

    def __init__(self) -> None:
        self._recent = RecentConversations()

    def read(self, body: bytes) -> ResponseAsking:
        asked = read_body(body, ResponsesBody)
        _require_possible(asked)
        previous = asked.previous_response_id
        before = () if previous is None else self._recent.before(previous)
        past = (*before, *_messages(asked.input))
        first = (ChatMessage(role="system", content=asked.instructions or ""),)
        choice = asked.tool_choice or "auto"
        return ResponseAsking(
            model=asked.model,
            prompt=Chat(
                messages=(*(first if asked.instructions else ()), *past),
                tools=tuple(map(_tool, asked.tools or ())),
                tool_choice=choice if isinstance(choice, str) else choice.name,
            ),
            max_tokens=asked.max_output_tokens,
            sampling=Sampling(temperature=asked.temperature, top_p=asked.top_p),
            stream=bool(asked.stream),
            body=asked,
            past=past,
        )

    def whole(self, asking: Asking, answer: Answered) -> object:
        text = [_message_item(_new_id("msg"), answer.text)] if answer.text else []
        calls = [_call_item(_new_id("fc"), call) for call in answer.tool_calls]
        return self._response(asking).ended([*text, *calls], answer)

    def events(self, asking: Asking) -> "ResponseEvents":
        return ResponseEvents(self._response(asking))

    def error(self, error: GatewayError) -> object:
        return error_body(error)

    def failure(self, error: GatewayError, events: int) -> bytes:
        return event(
            {
                "type": "error",
                "code": error.code or "server_error",
                "message": error.message,
                "param": None,
                "sequence_number": events,
            },
            "error",
        )

    def _response(self, asking: Asking) -> "ResponseObject":
        assert isinstance(asking, ResponseAsking)
        return ResponseObject(asking, self._recent)


class ResponseObject:
    """The response object of one answer, from its beginning to its end."""

    def __init__(self, asking: ResponseAsking, recent: RecentConversations) -> None:
        self._asking = asking
        self._recent = recent
        self._id = _new_id("resp")
        self._created = int(time.time())

    def begun(self) -> dict[str, object]:
        """As long as there is no answer."""
        return self._body(IN_PROGRESS, [], None)

    def ended(self, output: Sequence[Item], answer: Answered) -> dict[str, object]:
        """With the whole answer, which may be continued by its id unless the client said no."""
        if self._asking.body.store is not False:
            said = ChatMessage(role="assistant", content=answer.text, tool_calls=answer.tool_calls)
            self._recent.keep(self._id, (*self._asking.past, said))
        whole = answer.ended.reason != "length"
        return self._body(COMPLETED if whole else INCOMPLETE, output, answer.ended.usage)

    def _body(
        self, status: str, output: Sequence[Item], usage: TokenUsage | None
    ) -> dict[str, object]:
        asked = self._asking.body
        cut = {"reason": "max_output_tokens"} if status == INCOMPLETE else None
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": cut,
            "instructions": asked.instructions,
            "max_output_tokens": asked.max_output_tokens,
            "metadata": asked.metadata or {},
            "model": asked.model,
            "output": output,
            "parallel_tool_calls": asked.parallel_tool_calls is not False,
            "previous_response_id": asked.previous_response_id,
            "reasoning": {"effort": None, "summary": None},
            "service_tier": "default",
            "store": asked.store is not False,
            "temperature": asked.temperature,
            "text": {"format": {"type": "text"}},
            "tool_choice": asked.tool_choice or "auto",
            "tools": asked.tools or [],
            "top_p": asked.top_p,
            "truncation": "disabled",
            "usage": None if usage is None else usage_body(usage),
            "user": None,
        }


class ResponseEvents:
    """A streamed answer: items of text and of calls, one after the other, then all of it again."""

    def __init__(self, response: ResponseObject) -> None:
        self._response = response
        self._sequence = -1
        self._pieces: list[Piece] = []
        self._output: list[Item] = []
        self._message = ""
        self._text = ""

    def begin(self) -> bytes:
        response = self._response.begun()
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def piece(self, piece: Piece) -> bytes:
        self._pieces.append(piece)
        match piece:
            case Text(text):
                begin = b"" if self._message else self._begin_message()
                self._text += text
                return begin + self._in_text("response.output_text.delta", delta=text, logprobs=[])
            case ToolCall():
                return self._end_message() + self._call(piece)
            case Ended():
                end = self._end_message()
                response = self._response.ended(self._output, answered(self._pieces))
                return end + self._event(f"response.{response['status']}", response=response)

    def _begin_message(self) -> bytes:
        self._message, self._text = _new_id("msg"), ""
        item = _message_item(self._message, "", status=IN_PROGRESS) | {"content": []}
        return self._item("response.output_item.added", item) + self._in_text(
            "response.content_part.added", part=_text_part("")
        )

    def _end_message(self) -> bytes:
        if not self._message:
            return b""
        item = _message_item(self._message, self._text)
        end = (
            self._in_text("response.output_text.done", text=self._text, logprobs=[])
            + self._in_text("response.content_part.done", part=_text_part(self._text))
            + self._item("response.output_item.done", item)
        )
        self._output.append(item)
        self._message = ""
        return end

    def _call(self, call: ToolCall) -> bytes:
        item = _call_item(_new_id("fc"), call)
        place = {"item_id": item["id"], "output_index": len(self._output)}
        arguments = call.arguments
        begun = item | {"arguments": "", "status": IN_PROGRESS}
        events = (
            self._item("response.output_item.added", begun)
            + self._event("response.function_call_arguments.delta", **place, delta=arguments)
            + self._event(
                "response.function_call_arguments.done",
                **place,
                name=call.name,
                arguments=arguments,
            )
            + self._item("response.output_item.done", item)
        )
        self._output.append(item)
        return events

    def _item(self, name: str, item: Item) -> bytes:
        return self._event(name, output_index=len(self._output), item=item)

    def _in_text(self, name: str, **data: object) -> bytes:
        place = {"item_id": self._message, "output_index": len(self._output), "content_index": 0}
        return self._event(name, **place, **data)

    def _event(self, kind: str, /, **data: object) -> bytes:
        self._sequence += 1
        return event({"type": kind, "sequence_number": self._sequence, **data}, kind)


def usage_body(usage: TokenUsage) -> dict[str, object]:
    """The tokens of an answer, as responses tell them."""
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached or 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt + usage.output,
    }


def _require_possible(asked: ResponsesBody) -> None:
    """Raises `GatewayError` for what `charter_bls` cannot do."""
    if asked.background:
        raise not_supported("background", "the answer comes with the request")
    if asked.text is not None and asked.text.format.type != "text":
        raise not_supported("text.format", "the server's answers are text without a schema")
    if not asked.input and not asked.previous_response_id:
        raise GatewayError(400, "input is empty: send a message at least", field="input")


def _messages(given: str | list[InputItem]) -> Iterator[ChatMessage]:
    """The items as messages: calls that follow each other are made by one message."""
    if isinstance(given, str):
        yield ChatMessage(role="user", content=given)
        return
    calls: list[ToolCall] = []
    for item in given:
        if item.type in UNREAD_ITEMS:
            continue
        if item.type == "function_call":
            calls.append(ToolCall(id=item.call_id, name=item.name, arguments=item.arguments))
            continue
        if calls:
            yield ChatMessage(role="assistant", tool_calls=tuple(calls))
            calls = []
        yield _message(item)
    if calls:
        yield ChatMessage(role="assistant", tool_calls=tuple(calls))


def _message(item: InputItem) -> ChatMessage:
    if item.type == "function_call_output":
        return ChatMessage(
            role="tool", content=text_of(item.output, "input"), tool_call_id=item.call_id
        )
    if item.type != "message":
        raise not_supported("input", f"an item of type {item.type!r} is no text")
    role = "system" if item.role == "developer" else item.role
    return ChatMessage(role=role, content=text_of(item.content, "input"))


def _tool(tool: ResponseTool) -> FunctionTool:
    if tool.type != "function":
        raise not_supported("tools", f"{tool.type!r} is no function of the client's")
    return FunctionTool(
        name=tool.name, description=tool.description or "", parameters=tool.parameters or {}
    )


def _message_item(item_id: str, text: str, status: str = COMPLETED) -> Item:
    return {
        "id": item_id,
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": [_text_part(text)],
    }


def _call_item(item_id: str, call: ToolCall) -> Item:
    return {
        "id": item_id,
        "type": "function_call",
        "status": COMPLETED,
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }


def _text_part(text: str) -> dict[str, object]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _new_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"
