"""Which node a prompt belongs to, told where there is no `charter_bls`, by what it goes by too."""

from collections.abc import Iterable
from dataclasses import dataclass

from charter_engine.bls.matching import NodeIndex
from charter_engine.bls.plan import Node
from charter_engine.prompts.assembly import ROLE_HEADER

SAME_ROLE = {"developer": "system", "function": "tool"}
"""Roles of newer and older APIs, and what agents' prompts call them."""


@dataclass(frozen=True)
class Message:
    """A chat message as an API takes it: all its text."""

    role: str
    text: str


@dataclass(frozen=True)
class Attributed:
    """The node a prompt belongs to and the form it came in; where it belongs to none, why."""

    node: str = ""
    form: str = ""
    unmatched: str = ""


class Attribution:
    """Finds the node of a prompt among those of a plan."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._index = NodeIndex(nodes)

    def of_text(self, prompt: str) -> Attributed:
        """The node of a prompt that is sent as text."""
        found = self._index.find_or_why(prompt)
        if isinstance(found, str):
            return Attributed(unmatched=found)
        return Attributed(found.node.name, found.form.name)

    def of_messages(self, messages: Iterable[Message]) -> Attributed:
        """The node of a prompt that is sent as messages: by their roles where those tell."""
        return self.of_text(as_written(messages))


def as_written(messages: Iterable[Message]) -> str:
    """Messages as one text, in the markup of `charter_engine.prompts.assembly`.

    So a prompt of an agent that is written as messages is the very text of its node's form.
    """
    text, role = "", ""
    for message in messages:
        said = SAME_ROLE.get(message.role, message.role)
        if said != role:
            text += ("\n" if text else "") + ROLE_HEADER.format(role=said)
            role = said
        text += message.text
    return f"{text}\n{ROLE_HEADER.format(role='assistant')}"
