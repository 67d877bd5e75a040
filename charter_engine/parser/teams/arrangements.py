"""Teams whose members are arranged by texts, by pairs or by the names of those that follow."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from charter_engine.parser.teams.team_parts import Part, is_true, name_of, text_in, whole_of
from charter_engine.parser.values.candidates import in_order, made_in, members_in
from charter_engine.parser.values.values import UNKNOWN, Box, Class, Element, External, Made, Value
from charter_engine.parser.workflows.workflow_steps import in_steps

if TYPE_CHECKING:
    from charter_engine.parser.teams.teams import TeamBuilder

Arrange = Callable[["TeamBuilder", Made, list[Made]], Part]
"""Puts the members of a team together."""

FLOWS = ("flow", "rearrange_flow")
"""The arguments that hold the order of a team as a text."""

HANDING_ON = "Handoff"
"""What the names of the tools end with by which one agent of a pair goes on in place of another."""

TASKS_OF = ("next_tasks", "condition", "routing", "then_task", "else_task")
"""The arguments in which a task names those that may follow it."""


class Pair(NamedTuple):
    """An agent that may turn to another one, by asking it or by handing the conversation on."""

    sender: Made
    receiver: Made
    is_handing_on: bool


def in_pairs(builder: TeamBuilder, made: Made, _: list[Made]) -> Part:
    """`Agency(ceo, communication_flows=[(ceo, dev), dev > tester])`, and the earlier
    `Agency([ceo, [ceo, dev]])`: each agent asks those it is paired with. All that stand alone may
    be spoken to."""
    given = [value for name, value in made.box.fields.items() if name.isdigit()]
    entries = [one for value in given for one in made_in(value)]
    listed = [value for value in given if value.box is not None and value.box.kind == "list"]
    listed += [made.box.fields.get("communication_flows", UNKNOWN)]
    whole = whole_of(builder.part(builder.made_last(one)) for one in entries)
    for pair in (pair for value in listed for pair in pairs_in(value)):
        sender, receiver = builder.made_last(pair.sender), builder.made_last(pair.receiver)
        own = builder.part(sender)
        if not pair.is_handing_on:
            builder.called(sender, [receiver])
            continue
        after = builder.part(receiver)
        builder.handed_on(own, [after])
        whole = whole._replace(last=(*whole.last, *after.last))
    return whole


def pairs_in(flows: Value) -> Iterator[Pair]:
    for entry in members_in(flows):
        ends = members_in(entry) if entry.box is not None and entry.box.kind != "object" else []
        chained = [members_in(end) for end in ends if is_chain(end)] or [ends]
        is_handing_on = any(hands_on(end) for end in ends)
        for chain in chained:
            agents = [one for end in chain for one in made_in(end)]
            yield from (Pair(one, other, is_handing_on) for one, other in pairwise(agents))


def is_chain(value: Value) -> bool:
    return value.box is not None and value.box.kind == "tuple" and any(made_in(value))


def hands_on(value: Value) -> bool:
    """Whether a tool of a pair, or one of several, hands the conversation on."""
    return any(
        name.rpartition(".")[2].endswith(HANDING_ON)
        for member in members_in(value)
        for kind in in_order(member.types)
        for name in (
            (kind.dotted,)
            if isinstance(kind, External)
            else (kind.definition.name, *map(ast.unparse, kind.definition.node.bases))
            if isinstance(kind, Class)
            else ()
        )
    )


def in_text(builder: TeamBuilder, made: Made, members: list[Made]) -> Part:
    """`flow="find -> check, count -> write"`: one step after the other, those of a step side by
    side. Without the text, it isn't known who hears whom."""
    named = {name_of(member): member for member in members}
    flow = next((text for name in FLOWS if (text := text_in(made, name))), "")
    steps = [
        [named[name.strip()] for name in step.split(",") if name.strip() in named]
        for step in flow.split("->")
    ]
    parts = [builder.side_by_side(list(map(builder.part, step))) for step in steps]
    parts = [part for part in parts if part.first]
    return builder.in_sequence(parts) if parts else whole_of(map(builder.part, members))


def in_branches(builder: TeamBuilder, made: Made, _: list[Made]) -> Part:
    """`route({"news": [find, write], "default": [answer]})`: one of several chains runs."""
    given = [made.box.fields[name] for name in ("routes", "0") if name in made.box.fields]
    chains = [list(made_in(chain)) for value in given for chain in members_in(value)]
    return whole_of(builder.chained(chain) for chain in chains)


def by_next(builder: TeamBuilder, made: Made, members: list[Made]) -> Part:
    """Tasks that name those that may follow them, in a process that goes by these; in any other,
    one after the other."""
    named = {name_of(member): member for member in members}
    following = {
        member: [named[name] for name in names_after(member) if name in named] for member in members
    }
    if text_in(made, "process") != "workflow" or not any(following.values()):
        return builder.chained(members)
    parts = {member: builder.part(member) for member in members}
    for member, after in following.items():
        for other in after:
            builder.give(member, parts[member], parts[other])
    starting = [one for one in members if is_true(one, "is_start")] or members[:1]
    ending = [one for one in members if not following[one]] or members[-1:]
    return Part(
        whole_of(parts[one] for one in starting).first, whole_of(parts[one] for one in ending).last
    )


def names_after(task: Made) -> list[str]:
    """The names that a task gives of those that may follow it."""
    given = [task.box.fields[name] for name in TASKS_OF if name in task.box.fields]
    leaves = [
        leaf for value in given for member in members_in(value) for leaf in members_in(member)
    ]
    return list(dict.fromkeys(text for leaf in leaves if (text := leaf.static_text())))


def for_each(builder: TeamBuilder, made: Made, members: list[Made]) -> Part:
    """`loop(writer, over="topics")`: once for each of a list, one beside the other if so said."""
    part = builder.chained(members)
    builder.repeat(made, [part])
    if is_true(made, "parallel"):
        builder.team.beside.update(part.first)
    return part


def looked_up(builder: TeamBuilder, _: Made, members: list[Made]) -> Part:
    """`create_retrieval_chain(retriever, answer)`: what one asks for is looked up, and the other is
    told what was found."""
    parts = list(map(builder.part, members))
    return Part(parts[0].first, parts[-1].last)


def looking_up(builder: TeamBuilder, _: Made, members: list[Made]) -> Part:
    """`rewrite | retriever`: what is looked up with an answer is none."""
    return Part(whole_of(map(builder.part, members)).first, ())


ARRANGED: dict[str, Arrange] = {
    "in pairs": in_pairs,
    "in text": in_text,
    "in branches": in_branches,
    "by next": by_next,
    "for each": for_each,
    "in steps": in_steps,
    "looked up": looked_up,
    "looking up": looking_up,
}
"""The ways that this module knows of."""


def may_chain(node: ast.Compare) -> bool:
    """Whether a comparison may stand for who turns to whom, as far as its form tells."""
    ends = (node.left, *node.comparators)
    return all(isinstance(one, ast.Gt | ast.Lt) for one in node.ops) and all(
        isinstance(end, ast.Name | ast.Attribute) for end in ends
    )


def chain_of(ends: list[Value], operator: ast.cmpop) -> Value | None:
    """`ceo > dev > tester`, or `tester < dev`: who may turn to whom; None where it compares
    something else than agents."""
    if not all(any(isinstance(kind, Made) for kind in end.types) for end in ends):
        return None
    ends = ends[::-1] if isinstance(operator, ast.Lt) else ends
    return Value(box=Box("tuple", [Element(end) for end in ends]))


def goes_round(made: Made, rounds: str) -> bool:
    """Whether members speak in more than one round, by the argument that says how often; one that
    isn't known is taken for several."""
    argument, _, default = rounds.partition("=")
    value = made.box.fields.get(argument)
    if value is None:
        return default not in ("", "1")
    return value.constant != (1,)
