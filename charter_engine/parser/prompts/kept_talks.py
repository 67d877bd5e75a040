"""Conversations that are kept between calls: by an object, a server, or the framework."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.agents.memories import memory_held
from charter_engine.parser.flows.edges import in_round
from charter_engine.parser.flows.kept_state import runs_once
from charter_engine.parser.graphs.threads import (
    assigned_in,
    begins_anew,
    is_of_this_turn,
    thread_of,
)
from charter_engine.parser.interpreting.frames import Frame, outermost
from charter_engine.parser.model_calls import recognise
from charter_engine.parser.model_calls.catalogue import Family, KindRule
from charter_engine.parser.model_calls.findings import Message, Site
from charter_engine.parser.model_calls.recognise import CallShape, is_called
from charter_engine.parser.prompts.history_stores import LASTING, reads_session
from charter_engine.parser.prompts.lasting_keepers import lasting_holder
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.origins import NOTHING, Chain, Origin
from charter_engine.parser.values.values import UNKNOWN, Box, Kind, Value, moved

if TYPE_CHECKING:
    from charter_engine.parser.state import Analysis


class KeptTalks:
    """Tells what was said before a call, where that is kept."""

    def __init__(self, analysis: Analysis) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.memory = analysis.memory
        self.progress = analysis.progress
        self.entries = analysis.entries

    def before(
        self,
        frame: Frame,
        site: Site,
        receiver: Value,
        shape: CallShape,
        family: Family,
        chain: Chain,
    ) -> Value:
        """What a call goes on from: what its receiver keeps, or else what it is given to go on
        with."""
        unseen = self.unseen(frame, shape, family)
        before = Value(box=unseen).all_origins() if unseen is not None else NOTHING
        said = in_round(before, self.progress.round - 1)
        if not self.remembers(shape):
            return continued(shape, family).with_origins(said)
        memory = memory_held(shape, self.program.catalogue)
        talk = self.of_thread(frame, site, receiver.with_origins(said), shape, chain)
        if memory is None:
            return talk
        held = moved(Value(origins=memory.all_origins()), "history")
        return replace(receiver, origins=held.origins)

    def unseen(self, frame: Frame, shape: CallShape, family: Family) -> Box | None:
        """What was said in a conversation that outlasts the function that goes on with it:
        `session=sessions.get_session(user)`, or the program; None where there is none."""
        keeper = keeper_of(shape)
        holder = self.holder_of(frame, keeper, shape) if self.remembers(shape) else ""
        if keeper is not None and (holder or LASTING in shape.receiver):
            holder = holder or ast.unparse(keeper)
            return self.memory.shared_box(f"talk {frame.module.path} {holder}")
        given = given_talk(shape, family)
        source = lasting_talk(frame, given) if given is not None else None
        if source is None:
            return None
        owner = frame.function.owner if frame.function is not None else None
        holder = owner.name if owner is not None else frame.module.path
        return self.memory.shared_box(f"talk {holder} {ast.unparse(source)}")

    def holder_of(self, frame: Frame, keeper: ast.expr | None, shape: CallShape) -> str:
        """What holds that which keeps a conversation until a function is run again that nothing at
        hand calls, or the page: a module, a user's session, or for a chat also an object; empty
        where none does, or the function begins it anew (`agent.reset()`)."""
        if keeper is None or reads_session(keeper, frame.module):
            return "" if keeper is None else ast.unparse(keeper)
        start = outermost(frame).function
        if start is None or start in self.entries.called or runs_once(start):
            return ""
        if frame.function is not None and resets(frame.function, keeper):
            return ""
        is_chat = not CHATS.isdisjoint(shape.receiver)
        holder = lasting_holder(keeper, frame.function, frame.module)
        if holder is None or (holder.owner is not None and not is_chat):
            return ""
        return f"{holder.owner.name if holder.owner is not None else ''} {holder.name}"

    def remembers(self, shape: CallShape) -> bool:
        """Whether what is called keeps what it was asked and answered before."""
        is_itself = is_called(shape)
        asked = shape.callee if is_itself else shape.receiver
        verb = CALLED if is_itself else shape.verb
        kinds = (kind for kind in asked if isinstance(kind, Kind))
        rules = (self.program.catalogue.kinds[kind.name] for kind in kinds)
        return any(verb in rule.remembers and is_told_to(rule, shape) for rule in rules)

    def of_thread(
        self, frame: Frame, site: Site, talk: Value, shape: CallShape, chain: Chain
    ) -> Value:
        """Of what an object keeps, what was said in the thread that a call names."""
        site.thread = thread_of(shape)
        is_new = begins_anew(frame, shape)
        said = [
            origin
            for origin in talk.origins
            if self.is_of_one_thread(origin, site)
            and (not is_new or is_of_this_turn(origin, chain))
        ]
        return talk if len(said) == len(talk.origins) else replace(talk, origins=frozenset(said))

    def is_of_one_thread(self, origin: Origin, site: Site) -> bool:
        number = origin.chain[-1][0]
        other = self.findings.sites[number].thread if number >= 0 else ""
        return not other or not site.thread or other == site.thread


def continued(shape: CallShape, family: Family) -> Value:
    """The answers whose conversation a call goes on from: one that the server keeps, or that the
    framework hands back."""
    names = (*CONTINUED, *family.talks_in)
    given = {name: value for name, _, value in shape.keywords}
    for name in family.prompt if family.url else ():
        given |= recognise.fields_within(given.get(name, UNKNOWN))
    value = next((given[name] for name in names if name in given), UNKNOWN)
    return moved(Value(origins=value.all_origins()), "history")


CHATS = frozenset(map(Kind, ("google.chat", "langchain.conversation", "llamaindex.chat")))
"""Objects that are nothing but a conversation."""


def resets(function: FunctionDefinition, keeper: ast.expr) -> bool:
    """Whether a function lets what keeps a conversation begin it anew."""
    written = ast.unparse(keeper)
    return any(
        isinstance(one.func, ast.Attribute)
        and one.func.attr == "reset"
        and ast.unparse(one.func.value) == written
        for one in function.calls
    )


CALLED = "__call__"
"""The method by which an object itself is called."""


def lasting_talk(frame: Frame, given: ast.expr) -> ast.Call | None:
    """How a function that is run again and again gets at a conversation that others keep: by a
    function that hands it out, or with what it is kept in; None for any other."""
    function = frame.function
    if function is None or runs_once(function):
        return None
    made = assigned_in(function).get(given.id, []) if isinstance(given, ast.Name) else [given]
    source = made[0].value if made and isinstance(made[0], ast.Await) else next(iter(made), None)
    if len(made) != 1 or not isinstance(source, ast.Call):
        return None
    is_made = last_name(source.func)[:1].isupper()
    return source if not is_made or len(source.args) + len(source.keywords) > 1 else None


def given_talk(shape: CallShape, family: Family) -> ast.expr | None:
    """What is written for the conversation that a call is given to go on with."""
    return next((node for name, node, _ in shape.keywords if name in family.talks_in), None)


def talk_of(shape: CallShape, family: Family) -> ast.expr | None:
    """What holds the conversation that a call goes on with: `talk` of `conversation=talk.id`."""
    node = given_talk(shape, family)
    is_key = isinstance(node, ast.Attribute) and node.attr == "id"
    held = node.value if is_key and isinstance(node, ast.Attribute) else node
    return held if isinstance(held, ast.Name | ast.Attribute) else None


def keeper_of(shape: CallShape) -> ast.expr | None:
    """What keeps the conversation of a call: what is called, or whose method."""
    function = shape.node.func
    return (
        function.value if isinstance(function, ast.Attribute) and not is_called(shape) else function
    )


CONTINUED = ("previous_response_id", "previous_interaction_id", "message_history")


def with_talk(talk: Value, site: Site, given: tuple[Message, ...]) -> tuple[Message, ...]:
    """What a call sends: what the `talk` before it holds, behind its own instructions."""
    rules = tuple(message for message in given if message[0] == "system")
    said = tuple(message for message in given if message[0] != "system")
    return (*rules, *remembered(talk, site, said), *said)


def remembered(receiver: Value, site: Site, given: tuple[Message, ...]) -> tuple[Message, ...]:
    """What an object that keeps its conversation sends before what it is `given`: the answers that
    it got, and if this call was among those, what that asked. So do servers that keep one."""
    before = frozenset(origin for origin in receiver.origins if origin.chain[0][0] >= 0)
    if not before:
        return ()
    again = any(number == site.number for origin in before for number, _ in origin.chain)
    return (*(given if again else ()), ("assistant", Value(origins=before)))


def with_input(answer: Value, given: tuple[Message, ...], family: Family) -> Value:
    """An answer that can hand back what went in as well: `made.to_input_list()`."""
    origins = answer.origins.union(*(part.all_origins() for _, part in given))
    whole = moved(Value(origins=origins), "history")
    return replace(answer, box=Box("object", fields=dict.fromkeys(family.hands_back, whole)))


def own_conversation(shape: CallShape) -> set[str]:
    """The arguments that are `self.messages` or the like: conversations that the object keeps."""
    given = [node for node, _ in shape.positional] + [
        node for name, node, _ in shape.keywords if "message" in name or "input" in name
    ]
    return {
        f"self.{node.attr}"
        for node in given
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
        and set(recognise.words_of(node.attr)[-1:]) & HISTORY
    }


HISTORY = frozenset(
    "messages history conversation context chat memory dialogue log thread buffer list".split()
)


def is_told_to(rule: KindRule, shape: CallShape) -> bool:
    """Whether an object keeps what was said: always, where one of its arguments says so, or where
    it is given what keeps that."""
    fields = shape.held.fields if shape.held is not None else {}
    told = [fields[name].constant for name in rule.remembers_with if name in fields]
    kept = [fields[name].constant for name in rule.remembers_by if name in fields]
    is_always = not rule.remembers_with and not rule.remembers_by
    return is_always or (True,) in told or any(one not in NOTHING_KEPT for one in kept)


NOTHING_KEPT = ((None,), (False,))
