"""Pipelines of components that connections join: each hears those whose answers reach it through
components that ask no model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charter_engine.parser.flows.ways import reached_by
from charter_engine.parser.teams.team_parts import Part, whole_of
from charter_engine.parser.values.candidates import made_in
from charter_engine.parser.values.values import Made

if TYPE_CHECKING:
    from charter_engine.parser.teams.teams import TeamBuilder


def connections_in(made: Made) -> list[tuple[str, str]]:
    """The connections of a pipeline's components, by their names."""
    kept = made.box.fields.get("connected")
    boxes = [item.value.box for item in kept.box.items] if kept is not None and kept.box else []
    pairs = [[end.value.static_text() or "" for end in box.items] for box in boxes if box]
    return [(ends[0], ends[1]) for ends in pairs if len(ends) > 1]


def take_templates(made: Made) -> None:
    """Let generators of a pipeline have the template of the builder that is connected to them."""
    fields = made.box.fields
    for source, target in connections_in(made):
        builder = fields[source].box if source in fields else None
        given = builder.fields if builder is not None else {}
        template = given.get("template", given.get("0"))
        for one in made_in(fields[target]) if target in fields else ():
            if template is not None:
                one.box.fields.setdefault("template", template)


def wired(builder: TeamBuilder, made: Made, members: list[Made]) -> Part:
    """Components of a pipeline: each hears those whose answers reach it by connections through
    components that ask no model."""
    parts = [(member, builder.part(member)) for member in members]
    asking = {name: part for name in made.box.fields for part in part_in(made, name, parts)}
    led_to: set[Made] = set()
    take_templates(made)
    connections = connections_in(made)
    for name, part in asking.items():
        for target in reached_by(connections, name, asking):
            builder.team.follows.setdefault(part.first[0], []).extend(asking[target].first)
            led_to.update(asking[target].first)
    whole = whole_of(list(asking.values()))
    first = [one for one in whole.first if one not in led_to] or whole.first[:1]
    last = [one for one in whole.first if one not in builder.team.follows] or whole.first[-1:]
    return Part(tuple(first), tuple(last))


def part_in(made: Made, name: str, parts: list[tuple[Made, Part]]) -> list[Part]:
    """What a component of that name is of the whole, if it asks a model."""
    own = set(made_in(made.box.fields[name]))
    return [part for member, part in parts if member in own and part.first][:1]
