"""Teams whose members are the nodes of a graph."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from charter_engine.parser.model_calls.catalogue import KindRule
from charter_engine.parser.teams.agent_graphs import AgentGraph, Node
from charter_engine.parser.teams.team_parts import Part, whole_of
from charter_engine.parser.values.values import Made

if TYPE_CHECKING:
    from charter_engine.parser.teams.teams import TeamBuilder

DRAWN = frozenset(("drawn", "linked", "told", "meshed"))
"""The ways in which members are nodes of a graph."""


def is_drawn(rule: KindRule) -> bool:
    """Whether members of a kind are nodes of a graph."""
    return not DRAWN.isdisjoint(rule.members.values())


def drawn(builder: TeamBuilder, made: Made, way: str) -> Part:
    """Members of a graph: each goes on after those that edges lead from, or where they are only
    `linked` or `told`, is given their answers. Several that always follow the same node run
    side by side."""
    graph = AgentGraph(made, is_meshed=way == "meshed")
    parts = {agent: builder.part(builder.made_last(agent)) for agent in graph.agents}
    builder.team.told.update(whole_of([*parts.values()]).first if way == "told" else ())
    leading = {node: graph.reached_from(node, builder.asking) for node in graph.nodes}
    for node, reached in leading.items():
        following = whole_of([parts[agent] for agent in reached]).first
        if isinstance(node, Made) and way not in ("linked", "told"):
            builder.lead(parts[node].last, following)
        elif isinstance(node, Made):
            for one in parts[node].last:
                builder.team.follows.setdefault(one, []).extend(following)
        always = [parts[agent] for agent, is_always in reached.items() if is_always]
        builder.side_by_side([part for part in always if part.first])
    starts = list(dict.fromkeys(graph.starts()))
    builder.side_by_side([parts[start] for start in starts if isinstance(start, Made)])
    opening = [agent for start in starts for agent in opened_by(builder, graph, start)]
    turning = [parts[agent] for agent in graph.agents if graph.leads_back(agent, agent)]
    builder.repeat(made, turning)
    ending = [agent for agent in graph.agents if not any(leading[agent].values())]
    return Part(
        whole_of([parts[agent] for agent in dict.fromkeys(opening)]).first,
        whole_of([parts[agent] for agent in ending]).last,
    )


def opened_by(builder: TeamBuilder, graph: AgentGraph, start: Node) -> Collection[Made]:
    """The agents that a graph opens with which begins with a node; none where that asks a model
    by itself."""
    if isinstance(start, Made):
        return [start]
    is_asking = graph.executors.get(start) in builder.asking
    return [] if is_asking else graph.reached_from(start, builder.asking)
