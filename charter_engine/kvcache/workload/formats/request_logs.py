"""Logged requests as text: bodies of OpenAI's chat, completions and responses and of Anthropic's
messages, bare or beside their responses, and conversations as ShareGPT has them.

A prompt is its messages in the order in which chat templates write them: tools, instructions, then
what was said. Each is its role and its text.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from charter_engine.contracts.session_fields import session_in

Row = Mapping[str, Any]
ASSISTANTS = frozenset(("assistant", "gpt", "chatgpt", "bard", "bing", "model"))
_BODIES = ("body", "request", "request_body", "payload")
"""What a body is called in a row that holds more than one."""
_RESPONSES = ("response", "response_body", "output")
_SAID = ("messages", "conversations", "conversation", "input", "text_input", "prompt")
"""What messages or text are called."""
_TIMES = ("timestamp", "time", "ts", "created_at", "created", "start_time", "startTime")
_LENGTHS = ("output_length", "max_completion_tokens", "max_output_tokens", "max_tokens")
_SECONDS = range(10**9, 10**11)
"""A time in these counts seconds from 1970; in milliseconds it would be in its first years."""


class LoggedMessage(Struct, frozen=True):
    """What one side said."""

    role: str
    text: str

    @property
    def written(self) -> str:
        """As it stands in a prompt."""
        return f"{self.role}\n{self.text}\n"


class LoggedRequest(Struct, frozen=True, kw_only=True):
    """One request of a log. `answer` is its text, or how many tokens it may have.

    `at_ms` is None where no time is told. `cached_tokens` of `prompt_tokens` are what the server
    says that it reused; they count its own tokens.
    """

    messages: tuple[LoggedMessage, ...]
    answer: str | int | None = None
    at_ms: float | None = None
    delay_ms: float = 0.0
    name: str = ""
    session: str = ""
    salt: str = ""
    adapter: str = ""
    token_ids: tuple[int, ...] = ()
    prompt_tokens: int | None = None
    cached_tokens: int | None = None


def holds_texts(first: Row) -> bool:
    """Whether a row holds text that somebody sent."""
    return any(isinstance(_body(first).get(name), list | str) for name in _SAID)


def logged_requests(row: Row, ms_per_unit: float | None = None) -> Iterator[LoggedRequest]:
    """The requests of a row: one for each answer of a conversation that ends with one, else the one
    that it is. Numbers that are times count units of so many milliseconds; None: by their size.

    Raises ValueError for a row without text.
    """
    body = _body(row)
    response = next((row[name] for name in _RESPONSES if row.get(name)), None)
    said = messages_of(body)
    answer = answer_of(response)
    if not said:
        raise ValueError("no message in it")
    about = _about(row, body, response if isinstance(response, dict) else {}, ms_per_unit)
    length = answer_length(_first(_LENGTHS, row, body))
    if answer:
        yield LoggedRequest(messages=said, answer=answer, **about)
        return
    for number, (prompt, told) in enumerate(turns(said)):
        yield LoggedRequest(
            messages=tuple(prompt), answer=length if told is None else told, **about
        )
        if not number:
            about |= {"at_ms": None, "delay_ms": 0.0}


def turns(
    messages: Sequence[LoggedMessage],
) -> Iterator[tuple[Sequence[LoggedMessage], str | None]]:
    """The requests of some messages, each with its answer: one for each answer of a conversation
    that ends with one, else the one that is still to be answered."""
    if messages[-1].role not in ASSISTANTS:
        yield messages, None
        return
    for place, message in enumerate(messages):
        if place and message.role in ASSISTANTS:
            yield messages[:place], message.text


def messages_of(body: Row) -> tuple[LoggedMessage, ...]:
    """All that a body asks a model to read. Raises ValueError where it is nothing."""
    found = _text_of(body)
    if found is None:
        raise ValueError("neither messages nor text in it")
    return (*_before(body), *_said(found))


def _text_of(body: Row) -> list[Any] | str | None:
    """What a body asks a model to read, as it stands there."""
    return next((body[name] for name in _SAID if isinstance(body.get(name), list | str)), None)


def answer_length(told: object) -> int | None:
    """How many tokens an answer has or may have, where that is told. Raises ValueError for what is
    no number."""
    if told is None or isinstance(told, int):
        return told
    raise ValueError(f"the answer's length is {told!r}, which is no whole number")


def answer_of(response: object) -> str:
    """The text of an answer, with the tools it calls; empty where there is none."""
    if isinstance(response, str):
        return response
    if not isinstance(response, dict):
        return ""
    if isinstance(response.get("body"), dict):
        return answer_of(response["body"])
    for choice in response.get("choices") or ():
        return _content(choice.get("message") or {"content": choice.get("text")})
    output = response.get("output")
    if isinstance(output, list):
        return "\n".join(_item(item).text for item in output if isinstance(item, dict))
    return _content(response) if "content" in response else ""


def _first(names: Sequence[str], *rows: Row) -> Any:
    """The value of the first of some fields that any of these rows has."""
    return next((row[name] for name in names for row in rows if row.get(name) is not None), None)


def _body(row: Row) -> Row:
    inner = next((row[name] for name in _BODIES if isinstance(row.get(name), dict)), None)
    return row if inner is None else _body(inner)


def _about(row: Row, body: Row, response: Row, ms_per_unit: float | None) -> dict[str, Any]:
    """What is told of a request beside its text."""
    metadata = body.get("metadata")
    rows = (row, body, metadata if isinstance(metadata, dict) else {})
    usage = response.get("usage") or row.get("usage") or {}
    prompt_tokens, cached_tokens = _usage(usage if isinstance(usage, dict) else {})
    time = _first(_TIMES, row)
    delay = float(row.get("delay") or 0.0) * (ms_per_unit or 1.0)
    return {
        "at_ms": _milliseconds(time, ms_per_unit),
        "delay_ms": delay + 1000 * float(row.get("pre_gap") or 0.0),
        "name": str(_first(("request_id", "custom_id"), *rows) or ""),
        "session": _session(row, body),
        "salt": str(body.get("cache_salt") or ""),
        "adapter": _adapter(body),
        "prompt_tokens": prompt_tokens,
        "cached_tokens": cached_tokens,
    }


def _session(row: Row, body: Row) -> str:
    """The session that the fields tell that clients send, else what the log calls it."""
    for fields in (body, row):
        # A log may call what was said a conversation, too.
        told = {name: value for name, value in fields.items() if value is not _text_of(fields)}
        if named := session_in(told):
            return named
    return str(_first(("conversation_id", "id"), row, body) or "")


def _adapter(body: Row) -> str:
    """What the blocks belong to: a LoRA adapter, else the model; no two share any."""
    named = body.get("lora_request") or body.get("lora_name") or body.get("model")
    return str(named or "")


def _usage(usage: Row) -> tuple[int | None, int | None]:
    """Prompt tokens and those of them that were reused, as OpenAI and Anthropic tell them."""
    prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    if cached is None and "cache_read_input_tokens" in usage:
        cached = usage.get("cache_read_input_tokens")
        apart = (cached, usage.get("cache_creation_input_tokens"))
        prompt = (prompt or 0) + sum(tokens or 0 for tokens in apart)
    return prompt, cached


def _milliseconds(time: object, ms_per_unit: float | None) -> float | None:
    if isinstance(time, str):
        try:
            return datetime.fromisoformat(time).timestamp() * 1000
        except ValueError:
            return None
    if not isinstance(time, int | float):
        return None
    if ms_per_unit is None:
        ms_per_unit = 1000.0 if int(time) in _SECONDS else 1.0
    return float(time) * ms_per_unit


def _before(body: Row) -> Iterator[LoggedMessage]:
    """Tools and instructions, which stand apart from the messages of a body."""
    tools = body.get("tools") or body.get("functions")
    if tools:
        yield LoggedMessage("tools", "\n".join(_as_json(tool) for tool in tools))
    system = body.get("system") or body.get("instructions")
    if system:
        yield LoggedMessage("system", _content({"content": system}))


def _said(found: list[Any] | str) -> Iterator[LoggedMessage]:
    if isinstance(found, str):
        yield LoggedMessage("user", found)
        return
    for item in found:
        yield _item(item) if isinstance(item, dict) else LoggedMessage("user", str(item))


def _item(item: Row) -> LoggedMessage:
    """A message, or what else stands among those of OpenAI's responses."""
    match item.get("type"):
        case "function_call":
            called = {"name": item.get("name"), "arguments": item.get("arguments")}
            return LoggedMessage("assistant", _as_json(called))
        case "function_call_output":
            return LoggedMessage("tool", _content({"content": item.get("output")}))
        case "reasoning":
            told = _content({"content": item.get("summary") or item.get("content") or ""})
            return LoggedMessage("assistant", _thinking(told))
    return LoggedMessage(str(item.get("role", item.get("from", "user"))), _content(item))


def _content(message: Row) -> str:
    """The text of a message, in OpenAI's, Anthropic's or ShareGPT's spelling."""
    content = message.get("content", message.get("value", ""))
    if isinstance(content, list):
        content = "\n".join(_part(part) for part in content)
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    thought = _thinking(reasoning) if isinstance(reasoning, str) else ""
    calls = message.get("tool_calls") or message.get("function_call")
    return f"{thought}{content or ''}{_as_json(calls) if calls else ''}"


def _part(part: object) -> str:
    if not isinstance(part, dict):
        return str(part)
    match part.get("type"):
        case "thinking" | "redacted_thinking":
            return _thinking(str(part.get("thinking") or part.get("data") or ""))
        case "tool_use":
            return _as_json({"name": part.get("name"), "input": part.get("input")})
        case "tool_result":
            return _content(part)
    text = part.get("text")
    return str(text) if isinstance(text, str) else f"[{part.get('type', 'part')}]"


def _thinking(text: str) -> str:
    return f"<think>{text}</think>"


def _as_json(value: object) -> str:
    """As it was sent: keys keep their order, since another is another prompt."""
    return json.dumps(value, ensure_ascii=False)
