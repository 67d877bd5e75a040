"""The arguments of an LLM call → its prompt, as texts with roles."""

from __future__ import annotations

from charter_engine.parser.catalogue import Family
from charter_engine.parser.core import Message
from charter_engine.parser.recognise import CallShape
from charter_engine.parser.values import UNKNOWN, Value

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
CONTENT = ("content", "parts", "text", "input_text", "prompt")
OPTIONS = frozenset(
    "model max_tokens max_new_tokens max_output_tokens max_completion_tokens max_length temperature top_p top_k n stop seed stream "
    "frequency_penalty presence_penalty engine num_return_sequences max_tokens_to_sample reasoning_effort model_id modelId model_name".split()
)


def prompt_of(shape: CallShape, family: Family) -> tuple[Message, ...]:
    """The parts of the prompt in the order they are sent. Empty: the call's prompt stands elsewhere."""
    given = arguments_by_name(shape, family)
    messages: list[Message] = []
    for name in family.prompt:
        if name in given:
            messages += messages_of(given[name], family.roles.get(name, ""))
    if not messages and shape.positional:
        messages += messages_of(shape.positional[0][1], "")
    if not messages:
        # A call that names its prompt its own way (`tweet=…`): everything it is given that is no option.
        for name, value in given.items():
            if name not in OPTIONS and value.constant is None:
                messages += messages_of(value, "")
    return tuple(messages)


def arguments_by_name(shape: CallShape, family: Family) -> dict[str, Value]:
    given = {name: value for name, (_, value) in zip(family.positional, shape.positional, strict=False)}
    for name, _, value in shape.keywords:
        if name == "**" and value.box is not None:
            given |= value.box.fields
        elif name == "**":
            given["**"] = value
        else:
            given[name] = value
    return given


def options_of(shape: CallShape, family: Family) -> dict[str, str | int | float | bool]:
    """The options of a call that stand in the source: model, max_tokens, temperature, …"""
    found: dict[str, str | int | float | bool] = {}
    for name, value in arguments_by_name(shape, family).items():
        if name not in OPTIONS:
            continue
        written = value.static_text()
        if written is not None:
            found[name] = written
        elif value.constant is not None and value.constant[0] is not None:
            found[name] = value.constant[0]
    return found


def messages_of(value: Value, role: str, depth: int = 0) -> list[Message]:
    """A prompt argument as texts with roles: a text, a message, a list of messages, or parts of a message."""
    if value.box is None or value.pieces is not None or depth > 4:
        return [(role, value)] if value.constant is None else []
    if value.box.kind in ("dict", "object"):
        return message_of(value, role, depth)
    messages: list[Message] = []
    for element in value.box.items:
        for part_role, part in messages_of(element.value, role, depth + 1):
            messages.append((part_role, part if not element.maybe else Value(origins=part.all_origins())))
    if value.box.kind == "tuple" and len(value.box.items) == 2:
        written = value.box.items[0].value.static_text()
        if written is not None and (written in ROLES or written == "placeholder"):
            return messages_of(value.box.items[1].value, ROLES.get(written, ""), depth + 1)
    if value.box.rest is not None:
        messages += [
            (part_role, Value(origins=part.all_origins()))
            for part_role, part in messages_of(value.box.rest, role, depth + 1)
        ]
    if value.origins:
        messages.append((role, Value(origins=value.origins)))
    return messages


def message_of(value: Value, role: str, depth: int) -> list[Message]:
    fields = value.box.fields if value.box is not None else {}
    written = fields.get("role", UNKNOWN).static_text()
    role = ROLES.get(written, "") if written is not None else role
    for name in CONTENT:
        if name in fields:
            return messages_of(fields[name], role, depth + 1)
    if not fields and value.box is not None and value.box.rest is None:
        return [(role, value)]
    messages: list[Message] = []
    for name, member in fields.items():
        if name not in ("type", "role", "id", "name", "cache_control") and member.constant is None:
            messages += messages_of(member, role, depth + 1)
    if value.box is not None and value.box.rest is not None:
        messages += [(role, Value(origins=value.box.rest.all_origins()))]
    return messages
