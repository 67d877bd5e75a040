"""As whom answers are said among the messages that states keep: a node may put what a model
answered there as it came, or as a message of the user."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set

from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.prompts.prompts import ROLES, SAID, is_answer
from charter_engine.parser.values.values import Value

Roles = Mapping[int, Set[str]]
"""Sites with the roles of the messages that hold their answers."""

CLASS_ROLES = {
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "SystemMessage": "system",
    "ToolMessage": "tool",
}
"""Classes of LangChain's messages, with who says them."""

TYPE_ROLES = {"user": "human", "assistant": "ai", "system": "system", "tool": "tool"}
"""Who says a message, with what LangChain calls its type."""

UNTOLD = ""
"""The role of what may be said by anyone."""


TALK = frozenset("messages message history conversation chat dialogue".split())
"""Words of keys that hold a conversation."""


def said_in(key: str, value: Value) -> Iterator[tuple[int, str]]:
    """The sites whose answers are part of what is put under a key of a state, each with who says it
    there; of a key that holds no conversation, of messages alone."""
    box = value.box
    is_list = box is not None and box.kind == "list"
    members = [item.value for item in box.items] if box is not None and is_list else [value]
    is_talk = not TALK.isdisjoint(words_of(key))
    for member in members:
        role = role_of(member)
        if is_talk or role:
            yield from ((origin.chain[-1][0], role or UNTOLD) for origin in member.all_origins())
    if is_talk and box is not None and is_list:
        rest = box.rest.all_origins() if box.rest is not None else ()
        yield from ((origin.chain[-1][0], UNTOLD) for origin in (*value.origins, *rest))


def role_of(message: Value) -> str | None:
    """Who says a message; None for what isn't known to be one, as a text of it."""
    box = message.box
    if box is None:
        is_text = isinstance(message.source, ast.Attribute) and message.source.attr in SAID
        return "assistant" if is_answer(message) and not is_text else None
    first = box.items[0].value if box.kind == "tuple" and len(box.items) == 2 else None
    held = box.fields.get("role", first)
    written = held.static_text() if held is not None else None
    return ROLES.get(written) if written is not None else None
