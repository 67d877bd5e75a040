"""Functions that a framework calls for an agent while it runs: its tools, those that its answer
goes to, and those that look at what it is given or answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from charter_engine.contracts.graph import Loop
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.findings import HeardAnswer, Site
from charter_engine.parser.source.syntax import declared_fields
from charter_engine.parser.teams.team_prompts import label_of
from charter_engine.parser.values.origins import NOTHING, Chain, Origin, Origins
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Function,
    Instance,
    Made,
    Value,
    answers_in,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


HANDED_IN = frozenset(("self", "cls", "ctx", "context", "wrapper", "tool_context", "run_context"))
"""Parameters of tools that the framework fills, not the model."""


class ToldBack(NamedTuple):
    """What a function tells the agent that it is called for: what it returned, and the outputs in
    the error that it raised in its stead."""

    returned: Value
    raised: Origins


class CalledFunctions:
    """Follows the functions of agents that may ask a model."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator

    def follow_tools(self, frame: Frame, site: Site, speaker: Made, chain: Chain) -> None:
        """Follow the functions that an agent calls as tools: what it writes goes in, and what other
        models answer in them comes back to it."""
        written = Value(origins=frozenset((Origin(chain, "argument"),)))
        for tool in self.evaluator.teams.functions.tools_of(speaker):
            reached, steps = self.findings.reached, self.progress.steps
            told = self.called(frame, filled_by(tool, written), filled_in(tool), written)
            self.progress.spare_steps(steps)
            if self.findings.reached > reached:
                told_back = told.returned.all_origins() | told.raised
                self.go_round(site, speaker, tool, "tool", told_back)

    def follow_guards(self, frame: Frame, site: Site, speaker: Made, chain: Chain) -> None:
        """Follow the functions that look at what an agent answers: the last of what they are given
        is its answer, and what they say against it is told to the agent, which answers anew."""
        answer = Value(origins=frozenset((Origin(chain, "argument"),)))
        functions = self.evaluator.teams.functions
        for guard in functions.guards_of(speaker):
            told = self.called(frame, guard, guard.definition.parameters[-1:], answer)
            returned = (
                told.returned.all_origins() if functions.sends_back(speaker, guard) else NOTHING
            )
            against = told.raised | returned
            if answers_in(Value(origins=against)) - {site.number}:
                self.go_round(site, speaker, guard, "user", against)

    def follow_input_guards(self, frame: Frame, speaker: Made, given: Value) -> None:
        """Follow the functions that look at what the first agent of a run is given."""
        for guard in self.evaluator.teams.functions.input_guards_of(speaker):
            self.called(frame, guard, guard.definition.parameters[-1:], given)

    def follow_outputs(self, frame: Frame, speaker: Made, chain: Chain) -> Origins:
        """Follow the functions that an agent's answer goes to; returns what models answer in
        them, which is the answer then."""
        written = Value(origins=frozenset((Origin(chain, "argument"),)))
        found: Origins = NOTHING
        for output in self.evaluator.teams.functions.outputs_of(speaker):
            found |= self.called(frame, output, filled_in(output), written).returned.all_origins()
        return found

    def go_round(
        self, site: Site, speaker: Made, function: Function, role: str, told: Origins
    ) -> None:
        """Keep that an agent and what a function asks for it answer each other: `told` comes back
        to the agent."""
        runs = self.evaluator.team_runs
        loop = Loop(kind="cycle", line=speaker.node.lineno)
        runs.turn(site, loop)
        for asked in self.findings.sites.values():
            if function.definition in asked.under and loop not in asked.repeated_by:
                asked.repeated_by.append(loop)
        name = label_of(speaker, site)
        runs.hear(site, HeardAnswer(site.number, "loop", "assistant", name, again=True))
        for source in sorted(answers_in(Value(origins=told)) - {site.number}):
            called = function.definition.name
            runs.hear(site, HeardAnswer(source, "loop", role, called, again=True))

    def called(
        self, frame: Frame, function: Function, names: Iterable[str], given: Value
    ) -> ToldBack:
        """What a function tells that a framework calls, which gives `names` of its parameters
        what an agent answers."""
        before, raised, frame.chain = frame.chain, frame.raised, ()
        frame.raised = NOTHING
        result = self.evaluator.follower.enter(frame, function, dict.fromkeys(names, given))
        told = ToldBack(result or UNKNOWN, frame.raised)
        frame.chain, frame.raised = before, raised
        return told


def filled_in(function: Function) -> list[str]:
    """The parameters of a function that a model fills in."""
    return [name for name in function.definition.parameters if name not in HANDED_IN]


def filled_by(tool: Function, written: Value) -> Function:
    """A tool that is a class, with its fields as a model writes them."""
    bound = tool.bound
    kind = next((one for one in bound.types if isinstance(one, Instance)), None) if bound else None
    if bound is None or kind is None or bound.box is not None:
        return tool
    fields = dict.fromkeys(declared_fields(kind.definition.node), written)
    return Function(tool.definition, replace(bound, box=Box("object", fields=fields)))
