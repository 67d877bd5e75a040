"""Agents that name those to whom they may hand the conversation on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charter_engine.parser.model_calls.catalogue import KindRule
from charter_engine.parser.source.syntax import output_name
from charter_engine.parser.teams.ag2 import declared_by
from charter_engine.parser.teams.team_parts import Part, name_of, text_in
from charter_engine.parser.values.candidates import members_in
from charter_engine.parser.values.values import Made, Value

if TYPE_CHECKING:
    from charter_engine.parser.teams.teams import TeamBuilder


def target_of(value: Value) -> str:
    """The name of the agent that a hand-off leads to: a text, or an object with a target."""
    if value.box is None:
        return value.static_text() or ""
    names = ("target", "agent_name", "0")
    target = next((value.box.fields[name] for name in names if name in value.box.fields), None)
    return (target.static_text() or "") if target is not None else ""


def by_name(builder: TeamBuilder, made: Made, members: list[Made]) -> Part:
    """Members that name those they may hand the conversation on to; of a kind of which nothing
    is named, to all others. The first begins, or the one that the team is given to open."""
    parts = {member: builder.part(member) for member in members}
    names = {name_of(member): member for member in members}
    opens = builder.catalogue.kinds[made.kind].opens
    named = names.get(text_in(made, opens))
    given = [named] if named is not None else builder.members_of(made, opens)
    begins = next((one for one in given if one in parts), members[0])
    for member in members:
        for other in next_to(builder, member, members, names):
            if other != member:
                builder.lead(parts[member].last, parts[other].first)
    return Part(parts[begins].first, tuple(one for part in parts.values() for one in part.last))


def next_to(
    builder: TeamBuilder, member: Made, members: list[Made], names: dict[str, Made]
) -> list[Made]:
    """Those among the members that one may hand the conversation on to."""
    given = named_by(member, builder.catalogue.kinds[member.kind])
    if given is None:
        return members
    kept = {output_name(one.module.parents, one.node): one for one in members}
    wanted = (*given, *declared_by(member))
    found = (kept.get(name) or names.get(name) for name in wanted)
    return [one for one in found if one is not None]


def named_by(made: Made, rule: KindRule) -> list[str] | None:
    """The names of those that an agent may hand on to; None: all."""
    fields = made.box.fields
    given = [fields[name] for name in rule.names.split("+") if name in fields]
    if not given:
        return None if rule.names_all else []
    members = [member for value in given for member in members_in(value)]
    return [text for member in members if (text := target_of(member))]
