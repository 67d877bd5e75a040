"""Teams of which it is not at hand who takes part."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.findings import UnseenMembers
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.teams.agent_graphs import AgentGraph
from charter_engine.parser.teams.drawn_teams import is_drawn
from charter_engine.parser.teams.speakers import Team
from charter_engine.parser.teams.teams import UNLISTED
from charter_engine.parser.values.values import Made, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class UnseenTeams:
    """Keeps which teams have members that are not at hand."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator

    def note(self, frame: Frame, made: Made, shape: CallShape) -> None:
        """Keep that a team's members are not at hand, where none is, and no call gives them."""
        rule = self.program.catalogue.kinds[made.kind]
        is_given = frame.function in self.findings.called_wrappers
        if self.findings.visits is not None or self.progress.round == 0 or is_given:
            return
        ways = [(name, way) for names, way in rule.members.items() for name in names.split("+")]
        unseen: list[str] = []
        for argument, way in ways:
            value = made.box.fields.get(argument)
            if (
                way in ("tool", *UNLISTED)
                or value is None
                or is_known(value)
                or self.evaluator.teams.given_to(made, argument)
            ):
                continue
            unseen.append(ast.unparse(value.source) if value.source is not None else argument)
        self.keep(frame, shape, [*unseen, *self.nodes_of(made)])

    def keep(self, frame: Frame, shape: CallShape, unseen: Iterable[str]) -> None:
        """Keep what isn't at hand, as it is written, where a call runs it."""
        self.findings.unseen.update(
            UnseenMembers(frame.module.path, shape.node.lineno, written[:80]) for written in unseen
        )

    def nodes_of(self, made: Made) -> list[str]:
        """What stands in a graph of agents, as it is written, where none of that is at hand."""
        if not is_drawn(self.program.catalogue.kinds[made.kind]):
            return []
        graph = AgentGraph(made)
        ends = [node for node in graph.nodes if isinstance(node, str) and node]
        return [] if graph.agents or graph.asks_nobody() else ends[:1]

    def note_in_courses(self, frame: Frame, team: Team, shape: CallShape) -> None:
        """Keep that whom objects of the program's own run is not at hand."""
        if self.findings.visits is not None or self.progress.round == 0:
            return
        for part in team.parts:
            self.keep(frame, shape, map(ast.unparse, self.evaluator.teams.own_runs.unseen(part)))


def is_known(value: Value) -> bool:
    """Whether all that a list holds is known: nothing that is left out may be an agent."""
    if value.constant is not None:
        return True
    return value.box is not None and not value.box.items and value.box.rest is None
