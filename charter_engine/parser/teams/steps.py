"""Which parts of a team speak at the same step: those that run side by side, and those of which
only one is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charter_engine.parser.source.syntax import are_alternatives
from charter_engine.parser.teams.team_parts import Part, is_true, whole_of

if TYPE_CHECKING:
    from charter_engine.parser.teams.teams import TeamBuilder


def steps_of(builder: TeamBuilder, parts: list[Part]) -> list[Part]:
    """Parts by when they speak: those that run side by side, and those of which only one is
    there, together."""
    steps: list[list[Part]] = []
    for part in parts:
        if steps and all(is_in_step(builder, part, other) for other in steps[-1]):
            steps[-1].append(part)
        else:
            steps.append([part])
    return [
        builder.side_by_side(step) if is_beside(builder, step[0]) else whole_of(step)
        for step in steps
    ]


def is_in_step(builder: TeamBuilder, part: Part, other: Part) -> bool:
    made, before = part.first[0], other.first[0]
    if is_beside(builder, part) and is_beside(builder, other):
        return True
    is_near = made.module is before.module
    return is_near and are_alternatives(made.module.tree, made.node, before.node)


def is_beside(builder: TeamBuilder, part: Part) -> bool:
    """Whether a part was made to run beside those that follow."""
    made = part.first[0]
    return is_true(made, builder.catalogue.kinds[made.kind].beside)
