"""Teams whose order a method of the program's own gives by its branches and loops."""

from __future__ import annotations

import ast
from itertools import combinations, product
from typing import TYPE_CHECKING

from charter_engine.parser.teams.own_runs import OwnCourse
from charter_engine.parser.teams.team_parts import Part, whole_of

if TYPE_CHECKING:
    from charter_engine.parser.teams.teams import TeamBuilder


def in_course(builder: TeamBuilder, own: OwnCourse) -> Part:
    """Agents that a method of the program's own runs, as its branches and loops have it."""
    course = own.course
    parts = {run: part_of_run(builder, own, run) for run in own.agents}
    keep_unheard(builder, own, parts)
    following = course.following()
    for run, part in parts.items():
        builder.lead(part.last, whole_of([parts[other] for other in following[run]]).first)
        builder.team.silent.update(part.last if run in course.unheard else ())
    for run in course.loops:
        for one in (*parts[run].first, *parts[run].last):
            if one in builder.team.reached_from(one):
                builder.team.turning.setdefault(one, course.loops[run])
    part_by_turns(builder, own)
    return Part(
        whole_of([parts[run] for run in course.first]).first,
        whole_of([parts[run] for run in course.last]).last,
    )


def part_of_run(builder: TeamBuilder, own: OwnCourse, run: ast.Call) -> Part:
    """What one place runs: one agent after the other where a loop goes through them, or else
    any of them."""
    parts = [part for part in map(builder.part, own.agents[run]) if part.first]
    return builder.in_sequence(parts) if run in own.course.each and parts else whole_of(parts)


def keep_unheard(builder: TeamBuilder, own: OwnCourse, parts: dict[ast.Call, Part]) -> None:
    """Keep who never hears whom, though both are run: an agent that is run twice leads to what
    follows either place, and what comes before the later one does not reach what follows the
    earlier."""
    inside = {
        run: {one for first in part.first for one in (first, *builder.team.reached_from(first))}
        for run, part in parts.items()
    }
    everyone = {one for members in inside.values() for one in members}
    heard = {(one, other) for one in everyone for other in builder.team.reached_from(one)}
    for run in parts:
        for following in own.course.reached_from(run):
            heard |= {*product(inside[run], inside[following])}
    builder.team.unheard |= {*product(everyone, everyone)} - heard


def part_by_turns(builder: TeamBuilder, own: OwnCourse) -> None:
    """Keep who comes after whom only in a later turn of a loop: of those of which one turn runs
    either, too."""
    in_turn = {
        (before, after)
        for run, agents in own.agents.items()
        for other in own.course.in_one_pass(run)
        for before in agents
        for after in own.agents[other]
    }
    for run in own.course.each:
        in_turn |= {*combinations(own.agents[run], 2)}
    everyone = dict.fromkeys(one for agents in own.agents.values() for one in agents)
    builder.team.later |= {
        (one, other)
        for before, after in product(everyone, everyone)
        if before != after and (before, after) not in in_turn
        for one in builder.part(before).last
        for other in builder.part(after).first
    }
