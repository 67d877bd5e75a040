"""As whom answers are said among the messages that states keep: a node may put what a model
answered there as it came, or as a message of the user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from charter_engine.parser.prompts import ROLES, is_answer
from charter_engine.parser.values import Value

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


def said_in(value: Value) -> Iterator[tuple[int, str]]:
    """The sites whose answers are part of what is put into a state, each with who says it there."""
    box = value.box
    for item in box.items if box is not None and box.kind in ("list", "tuple") else ():
        yield from said_by(item.value)
    if box is not None and box.kind in ("list", "tuple"):
        rest = box.rest.all_origins() if box.rest is not None else ()
        yield from ((origin.chain[-1][0], UNTOLD) for origin in (*value.origins, *rest))
    else:
        yield from said_by(value)


def said_by(message: Value) -> Iterator[tuple[int, str]]:
    held = message.box.fields.get("role") if message.box is not None else None
    written = held.static_text() if held is not None else None
    role = "assistant" if is_answer(message) else ROLES.get(written or "", UNTOLD)
    yield from ((origin.chain[-1][0], role) for origin in message.all_origins())
