"""Prompts laid out as a plan says before they are passed on to a server of OpenAI's shape.

In front of Triton `charter_bls` does so itself. Here a prompt of messages is taken apart as the
plain text that its node's form is, and put together again as messages.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from charter_engine.bls.alignment import only_alignment
from charter_engine.bls.laying import LayingOut
from charter_engine.bls.matching import Match, NodeIndex
from charter_engine.bls.plan import Pieces, ServedPlan
from charter_engine.prompts.assembly import ROLE_HEADER
from charter_engine.traffic.attribution import SAME_ROLE, Message, as_written

MORE_THAN_TEXT = "its messages hold more than roles and texts"
OTHER_MESSAGES = "has other messages than its node's prompt"
CONTINUES = "its layout continues an earlier call, which only charter_bls can"
_HEADING = re.compile(r"\n?" + re.escape(ROLE_HEADER).replace(r"\{role\}", r"(\w+)"))


class PlainMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """A message that is all text. Others have fields beyond these, or parts."""

    role: str
    content: str


class _Role(Struct, frozen=True):
    role: str


class LaidOutBody(Struct, frozen=True, kw_only=True):
    """What is passed on. `reason` says why a prompt of a node that has a layout goes as it came."""

    body: bytes
    node: str = ""
    unmatched: str = ""
    laid_out: bool = False
    reason: str = ""


class BodyLayout(Protocol):
    """Lays out the bodies of chats and completions."""

    def of(self, body: bytes, session: str) -> LaidOutBody:
        """What to pass on for a body; `session` is "" where the client names none."""


class SwitchedLayout:
    """A layout that may be switched to another plan while requests pass: each of them goes by one
    plan from beginning to end."""

    def __init__(self) -> None:
        self._layout: BodyLayout | None = None

    def switch(self, layout: BodyLayout) -> None:
        """From the next request on this one applies."""
        self._layout = layout

    def of(self, body: bytes, session: str) -> LaidOutBody:
        layout = self._layout
        return LaidOutBody(body=body) if layout is None else layout.of(body, session)


@dataclass(frozen=True)
class _Chat:
    """A body, its fields, its messages, and those of them before the first that is more than
    text."""

    body: bytes
    fields: dict[str, Raw]
    came: Sequence[Raw]
    plain: Sequence[PlainMessage]
    session: str

    def may_have_had(self, length: int) -> bool:
        """Whether a call may have been made with so many of the messages: an answer follows."""
        if length > len(self.plain):
            return False
        if length == len(self.came):
            return True
        return msgspec.json.decode(self.came[length], type=_Role).role == "assistant"


class MessageLayout:
    """Lays out bodies of chats and completions under one plan. May be called from any thread."""

    def __init__(self, plan: ServedPlan) -> None:
        self._index = NodeIndex(plan.nodes.values())
        self._laying_out = LayingOut(plan)
        written = (
            _messages(form.pieces, [piece or "" for piece in form.pieces], {})
            for node in plan.nodes.values()
            for form in node.forms
        )
        self._lengths = sorted({len(found) for found in written if found}, reverse=True)

    def of(self, body: bytes, session: str) -> LaidOutBody:
        """What to pass on for a body that is a JSON object; all that is not its prompt stays to
        the letter. `session` is "" where the client names none."""
        try:
            fields = msgspec.json.decode(body, type=dict[str, Raw])
            if "messages" in fields:
                came = msgspec.json.decode(fields["messages"], type=list[Raw])
                return self._chat(_Chat(body, fields, came, tuple(_plain_first(came)), session))
            prompt = msgspec.json.decode(fields.get("prompt", Raw(b"null")), type=str)
            return self._completion(body, fields, prompt, session)
        except msgspec.DecodeError:
            return LaidOutBody(body=body, unmatched=MORE_THAN_TEXT)

    def _completion(
        self, body: bytes, fields: dict[str, Raw], prompt: str, session: str
    ) -> LaidOutBody:
        match = self._index.find_or_why(prompt)
        if isinstance(match, str):
            return LaidOutBody(body=body, unmatched=match)
        texts, reason = self._planned(match, prompt, session)
        if texts is None:
            return LaidOutBody(body=body, node=match.node.name, reason=reason)
        return _with(fields, "prompt", "".join(texts), match)

    def _chat(self, chat: "_Chat") -> LaidOutBody:
        """A conversation that goes on begins with its node's messages; those behind them stay as
        they are."""
        whole = len(chat.came)
        found: LaidOutBody | None = None
        for length in (whole, *(one for one in self._lengths if one < whole)):
            if chat.may_have_had(length):
                outcome = self._of_first(length, chat)
                if outcome.node and outcome.reason != OTHER_MESSAGES:
                    return outcome
                found = found or outcome
        return found or LaidOutBody(body=chat.body, unmatched=MORE_THAN_TEXT)

    def _of_first(self, length: int, chat: "_Chat") -> LaidOutBody:
        """As the call that so many of the messages were sent by."""
        messages = chat.plain[:length]
        text = as_written(Message(message.role, message.content) for message in messages)
        match = self._index.find_or_why(text)
        if isinstance(match, str):
            return LaidOutBody(body=chat.body, unmatched=match)
        planned, reason = self._planned_messages(match, text, messages, chat.session)
        if planned is None:
            return LaidOutBody(body=chat.body, node=match.node.name, reason=reason)
        return _with(chat.fields, "messages", [*planned, *chat.came[length:]], match)

    def _planned_messages(
        self, match: Match, text: str, came: Sequence[PlainMessage], session: str
    ) -> tuple[list[PlainMessage] | None, str]:
        """The messages to pass on in place of those that came; None where these stay, and why."""
        texts, reason = self._planned(match, text, session)
        if texts is None:
            return None, reason
        roles = {SAME_ROLE.get(message.role, message.role): message.role for message in came}
        pieces = match.form.pieces
        if _messages(pieces, only_alignment(pieces, text), roles) != list(came):
            return None, OTHER_MESSAGES
        planned = _messages(match.node.forms[0].pieces, texts, roles)
        return planned, "" if planned else OTHER_MESSAGES

    def _planned(self, match: Match, prompt: str, session: str) -> tuple[Sequence[str] | None, str]:
        """The texts of the planned pieces; None where it goes as it came, and why."""
        moves = match.node.rearrangement
        if moves is not None and match.form.rendered:
            return None, OTHER_MESSAGES
        if moves is not None and moves.extends:
            return None, CONTINUES
        laying = self._laying_out.of(match, prompt, session)
        return laying.texts, laying.reason


def _plain_first(messages: Iterable[Raw]) -> Iterator[PlainMessage]:
    """The messages up to the first that is more than text."""
    for message in messages:
        try:
            yield msgspec.json.decode(message, type=PlainMessage)
        except msgspec.DecodeError:
            return


def _with(fields: dict[str, Raw], name: str, value: object, match: Match) -> LaidOutBody:
    body = msgspec.json.encode({**fields, name: Raw(msgspec.json.encode(value))})
    return LaidOutBody(body=body, node=match.node.name, laid_out=True)


def _messages(
    pieces: Pieces, texts: Iterable[str] | None, roles: dict[str, str]
) -> list[PlainMessage] | None:
    """The messages that a prompt's pieces make up, with the names that the client has for their
    roles; None where they make up none."""
    found: list[tuple[str, str]] = []
    for piece, text in zip(pieces, texts or (), strict=False):
        heading = _HEADING.fullmatch(piece) if piece is not None else None
        if heading is not None:
            found.append((heading[1], ""))
        elif found:
            role, before = found[-1]
            found[-1] = (role, before + text)
        else:
            return None
    if not found or found.pop() != ("assistant", ""):
        return None
    return [PlainMessage(roles.get(role, role), text) for role, text in found]
