"""Workflows of agents and of executors that ask a model themselves: what each hears of the other.

A handler is given what the agents answered from which an edge leads to its executor; an agent hears
what an executor sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from charter_engine.contracts.graph import Carried
from charter_engine.parser.model_calls.findings import HeardAnswer
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.teams.agent_graphs import AgentGraph
from charter_engine.parser.teams.drawn_teams import is_drawn
from charter_engine.parser.teams.speakers import Team
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.values import Made, Value, answers_in
from charter_engine.parser.workflows.executors import executor_of, handling_of

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


ANSWERING = "Response"
"""What the kinds of messages end with that hold an agent's answer (`AgentExecutorResponse`)."""


class MixedGraphs:
    """Keeps what agents and executors of a workflow say to each other.

    `told` are the answers that executors are given, by their calls, `said` the calls whose answers
    an executor sends.
    """

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.told: dict[str, dict[int, Carried]] = {}
        self.said: dict[str, set[int]] = {}

    def asking(self) -> set[str]:
        """The executors that ask a model themselves."""
        if not self.program.linked:
            return set()
        handlers = {one for site in self.findings.sites.values() for one in site.under}
        return {executor_of(one) for one in handlers if handling_of(one) is not None}

    def given_to(self, definition: FunctionDefinition) -> dict[str, Value]:
        """What a handler is given of what agents answered."""
        handling = handling_of(definition) if self.told else None
        told = self.told.get(executor_of(definition), {})
        if handling is None or not told or not any(ANSWERING in kind for kind in handling.taken):
            return {}
        now = self.progress.round
        turns = {number: now - (carried == "loop") for number, carried in told.items()}
        origins = (Origin(((number, ((0, turn),)),), "argument") for number, turn in turns.items())
        return {handling.parameter: Value(origins=frozenset(origins))}

    def send(self, definition: FunctionDefinition, message: Value) -> None:
        """Keep whose answers an executor sends."""
        if handling_of(definition) is not None:
            self.said.setdefault(executor_of(definition), set()).update(answers_in(message))

    def keep(self, team: Team, chains: dict[Made, Chain]) -> None:
        """Keep what the agents of a team tell the executors beside them, and hear of them."""
        for made in team.parts if self.program.linked else ():
            if is_drawn(self.program.catalogue.kinds[made.kind]):
                self.keep_graph(AgentGraph(made), team, chains)

    def keep_graph(self, graph: AgentGraph, team: Team, chains: dict[Made, Chain]) -> None:
        asking = self.asking()
        for source, target, _ in graph.edges:
            carried: Carried = "data" if graph.is_ahead(source, target) else "loop"
            if isinstance(source, Made) and isinstance(target, str):
                told = self.told.setdefault(graph.executors.get(target, ""), {})
                last = [chains[one] for one in team.parts[source].last if one in chains]
                told.update((chain[0][0], carried) for chain in last)
            elif isinstance(source, str) and isinstance(target, Made):
                executor = graph.executors.get(source, "")
                again = graph.leads_back(target, source)
                for one in team.parts[target].first if executor in asking else ():
                    self.hear(chains[one][0][0], executor, carried, again=again)

    def hear(self, number: int, executor: str, carried: Carried, *, again: bool) -> None:
        """Let an agent's call hear what an executor sends."""
        site = self.findings.sites[number]
        for source in sorted(self.said.get(executor, set()) - {number}):
            name = self.findings.sites[source].output or "answer"
            heard = HeardAnswer(source, carried, "user", name, again=again)
            self.evaluator.team_runs.hear(site, heard)
