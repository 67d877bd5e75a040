"""What is written of the agents of a team, and where what they hear stands in their prompts.

A framework fills the fields of a text (`{topic}`) with what a run is given or what an agent left
under that name.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace as dataclass_replace

from msgspec.structs import replace

from charter_engine.contracts.graph import Carried
from charter_engine.parser.model_calls.catalogue import Family, KindRule
from charter_engine.parser.model_calls.chains import CHAIN, PROMPTS
from charter_engine.parser.model_calls.findings import Fillings, HeardAnswer, Message, Site
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.prompts import prompts
from charter_engine.parser.prompts.offered import OFFERED
from charter_engine.parser.source.syntax import output_name, used_by
from charter_engine.parser.teams.speakers import Team
from charter_engine.parser.teams.team_parts import text_in
from charter_engine.parser.teams.teams import MANAGER, TOLD
from charter_engine.parser.values import text
from charter_engine.parser.values.candidates import made_in, members_in
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Hole,
    Made,
    Piece,
    Static,
    Value,
    is_answer,
    moved,
)

FIELD = re.compile(r"\{([A-Za-z_]\w*)\??\}")
"""Where a text of an agent or a task takes a value of the run's state or inputs."""

NOWHERE = ast.Call(ast.Name(""), [], [])
EMPTY = CallShape((), frozenset(), frozenset(), (), (), NOWHERE, {})
"""A call that is given nothing: what is offered was given before."""

CHAIN_MADE = "langchain.chain"

NESTING = "register_nested_chats"
CHATTING = ("initiate_chats", "a_initiate_chats", NESTING)
"""Methods that are given several chats, each with its recipient."""


def written(made: Made, rule: KindRule, given: dict[str, Value]) -> tuple[Message, ...]:
    """What stands in the source of an agent's prompt, with the fields that the run fills."""
    template = template_of(made)
    if template is not None:
        chain = Value(types=frozenset((CHAIN,)), box=template)
        filling = Value(box=Box("dict", fields=given))
        return prompts.kept_messages(chain, replace(EMPTY, positional=((NOWHERE, filling),)))
    fields = dict(made.box.fields)
    if MANAGER in fields:
        fields["agent"] = fields[MANAGER]
    says = rule.says or dict.fromkeys(prompts.KEPT_FOR_SYSTEM, "system")
    if TOLD in fields:
        says = {TOLD: "system", **says}
    parts = tuple(
        ("system" if own == "assistant" else own, part)
        for name, role in says.items()
        if (value := prompts.field_of(fields, name)) is not None
        for own, part in prompts.messages_of(value, role)
    )
    if rule.syntax != "format":
        named = {name: (value, value.source or name) for name, value in given.items()}
        fill = text.FILLINGS[rule.syntax]
        return tuple((role, fill(value, named.get) or value) for role, value in parts)
    if not rule.templated:
        return parts
    return tuple((role, filled(value, given)) for role, value in parts)


def template_of(made: Made) -> Box | None:
    """The template by which a chain, or an agent that is made with one, asks, with what it offers;
    None where there is none."""
    prompt = made.box.fields.get("prompt", UNKNOWN)
    if made.kind == CHAIN_MADE:
        return made.box
    if prompt.box is None or PROMPTS.isdisjoint(prompt.types):
        return None
    offered = {name: value for name, value in made.box.fields.items() if name in OFFERED}
    return Box("object", fields={**prompt.box.fields, **offered})


def offer_of(made: Made) -> dict[str, Value]:
    """What an agent, or the one that does a task, was given to offer the model."""
    fields = made.box.fields
    placed = fields.get("0", UNKNOWN)
    agent = fields.get("agent", placed if any(made_in(placed)) else UNKNOWN).box
    return {**(agent.fields if agent is not None else {}), **fields}


def as_message(role: str, part: Value) -> Value:
    return Value(box=Box("dict", fields={"role": static(role), "content": part}))


def inputs_of(shape: CallShape, family: Family) -> dict[str, Value]:
    """What a run is given to fill in, by name: in an argument that holds it, and where a function
    of a kernel is run, by itself."""
    given = prompts.arguments_by_name(shape, family)
    held = [given[name].box for name in ("inputs", "arguments") if name in given]
    fields = {name: value for box in held if box is not None for name, value in box.fields.items()}
    return {**given, **fields} if family.only_known else fields


def fields_given(team: Team, shape: CallShape) -> dict[str, Value]:
    """What a run of chains is given by names, under which it reaches all of them that nothing else
    is given there."""
    if not any(speaker.kind == CHAIN_MADE for speaker in team.speakers):
        return {}
    return {name: value for name, (value, _) in prompts.fields_of(shape).items()}


def histories_in(team: Team, talk: Value) -> dict[str, Value]:
    """What the places for a history hold in the templates of a run's chains: what was said before
    in the conversation that is kept for the run."""
    if not is_answer(talk):
        return {}
    said = moved(Value(origins=talk.origins), "history")
    chains = (speaker for speaker in team.speakers if speaker.kind == CHAIN_MADE)
    held = (value for chain in chains for value in chain.box.fields.values())
    parts = (part for value in held for part in members_in(value))
    return {name: said for part in parts for name in FIELD.findall(place_of_history(part))}


def place_of_history(part: Value) -> str:
    """`{history}` of the pair that stands for a history in a template: `("placeholder",
    "{history}")`; empty for any other part."""
    pair = part.box.items if part.box is not None and part.box.kind == "tuple" else []
    role, place = [one.value.static_text() or "" for one in pair] if len(pair) == 2 else ("", "")
    return place if role == "placeholder" else ""


def without_inputs(shape: CallShape) -> CallShape:
    """A call without what it is given to fill in, which stands where it is filled in."""
    return replace(shape, keywords=tuple(one for one in shape.keywords if one[0] != "inputs"))


def messages_in(shape: CallShape) -> dict[Made, tuple[Message, ...]]:
    """What the recipient of each of several chats is told."""
    return {
        made: tuple(prompts.messages_of(chat["message"], ""))
        for chat in chats_of(shape)
        if "message" in chat
        for made in made_in(chat["recipient"])
    }


def chats_of(shape: CallShape) -> list[dict[str, Value]]:
    """What each of several chats is given that has a recipient."""
    given = shape.argument(0, "chat_queue") if shape.verb in CHATTING else None
    if given is None:
        return []
    chats = given.box
    boxes = [item.value.box for item in chats.items] if chats is not None else []
    return [box.fields for box in boxes if box is not None and "recipient" in box.fields]


def label_of(made: Made, site: Site) -> str:
    """A name for what an agent answers."""
    is_returned = isinstance(used_by(made.module.parents, made.node), ast.Return)
    owner = made.function.name if made.function is not None and is_returned else ""
    kept = output_name(made.module.parents, made.node)
    return site.output or kept or text_in(made, "name") or owner or "answer"


def filled(value: Value, given: dict[str, Value]) -> Value:
    """A text with its fields as places that the run fills, with what it is `given` for them."""
    pieces = value.pieces
    if pieces is None or not any(
        isinstance(one, Static) and FIELD.search(one.text) for one in pieces
    ):
        return value
    found: list[Piece] = []
    for piece in pieces:
        found += fields_in(piece, given) if isinstance(piece, Static) else (piece,)
    origins = value.origins.union(
        *(piece.value.all_origins() for piece in found if isinstance(piece, Hole))
    )
    return replace(value, pieces=tuple(found), origins=origins)


def fields_in(piece: Static, given: dict[str, Value]) -> list[Piece]:
    found: list[Piece] = []
    end = 0
    for match in FIELD.finditer(piece.text):
        name = match.group(1)
        if match.start() > end:
            found.append(piece.part(piece.text[end : match.start()], end))
        value = given.get(name, UNKNOWN)
        source = value.source if value.source is not None else name
        found.append(Hole(source, value, piece.source_line, match.start()))
        end = match.end()
    if end < len(piece.text):
        found.append(piece.part(piece.text[end:], end))
    return found


def as_heard(site: Site) -> Site:
    """A call of a team with the answers that it hears: those of this turn, and where the team goes
    round, those that every turn before has left."""
    if not site.heard:
        return site
    fillings: Fillings = dict(site.fillings)

    def messages(carried: Carried, again: bool) -> tuple[Message, ...]:
        return tuple(
            message_for(site, answer, carried, fillings)
            for answer in site.heard
            if answer.again == again and carried in ("loop", answer.carried)
        )

    before = (*site.opening, *messages("data", again=False))
    now = messages("data", again=True)
    each = messages("loop", again=True)
    return dataclass_replace(
        site, opening=(*before, *now), prompt=(*before, *each, *now), fillings=fillings
    )


def message_for(site: Site, answer: HeardAnswer, carried: Carried, fillings: Fillings) -> Message:
    """An answer of this turn, or of an earlier one, as a place in the prompt."""
    column = answer.site + 1 if carried == "loop" else -answer.site - 1
    chain: Chain = ((answer.site, ()),)
    value = Value(origins=frozenset((Origin(chain),)))
    hole = Hole(answer.name, value, site.node.lineno, column)
    fillings[hole.key] = {chain: (answer.site, carried)}
    return answer.role, Value(pieces=(hole,))
