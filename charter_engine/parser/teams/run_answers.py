"""What a run of a team gives beside its answer: what each that took part said.

A result tells it under a name (`result.tasks_output[0]`, `result.messages`), and so do tasks that
were done (`task.output`).
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.teams.speakers import Team
from charter_engine.parser.values.candidates import in_order, made_in
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.values import UNKNOWN, Box, Element, Made, Ran, Type, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

CONVERSATION = "*"
OUTPUT = "**"
"""What a result tells under a name where that is all that was said, the task first: one by one, or
as its first output."""


class RunAnswers:
    """Keeps what was said in runs, by the calls that ran them, and by who said it."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.catalogue = analysis.program.catalogue
        self.memory = analysis.memory
        self.evaluator = evaluator

    def keep(
        self, node: ast.Call, run: Made, team: Team, chains: dict[Made, Chain]
    ) -> frozenset[Type]:
        """Keep what each of a team said in a run; returns what an answer is that tells it."""
        for speaker, chain in chains.items():
            if self.catalogue.kinds[speaker.kind].answered_as:
                self.memory.answered[speaker] = answer_of((chain,))
        told = {
            name: self.said(run, held, team, chains)
            for name, held in self.catalogue.kinds[run.kind].answers.items()
        }
        if not told:
            return frozenset()
        self.memory.answers[id(node)] = told
        self.memory.changes += 1
        return frozenset((Ran(node),))

    def said(self, run: Made, held: str, team: Team, chains: dict[Made, Chain]) -> Value:
        if held == CONVERSATION:
            return all_said(team, chains)
        if held == OUTPUT:
            return Value(box=Box("list", [Element(all_said(team, chains))]))
        return said_by(self.listed(run, held), team, chains)

    def called(self, shape: CallShape) -> Value | None:
        """What a method of a run's answer tells: `events.get_outputs()`; None for any other."""
        if not self.memory.answers:
            return None
        told = (self.told_by(kind, shape.verb) for kind in shape.receiver if type(kind) is Ran)
        return next((one for one in told if one is not None), None)

    def listed(self, run: Made, held: str) -> list[list[Made]]:
        """Those whom a team was given under a name, with what a branch makes in the place of
        one."""
        teams = self.evaluator.teams
        given = run.box.fields.get(held, UNKNOWN).box
        items = given.items if given is not None and given.rest is None else []
        placed = [
            [self.evaluator.agents.made_last(one) for one in made_in(item.value)] for item in items
        ]
        return placed or [[one] for one in teams.members_of(run, held)]

    def told(self, value: Value, name: str) -> Value | None:
        """What an attribute of a value tells of what was said in a run; None for any other."""
        if not self.memory.answers and not self.memory.answered:
            return None
        told = (self.told_by(kind, name) for kind in in_order(value.types))
        return next((one for one in told if one is not None), None)

    def told_by(self, kind: Type, name: str) -> Value | None:
        """What an attribute of a run's answer, or of one that took part, tells; None for any
        other."""
        if isinstance(kind, Ran):
            return self.memory.answers.get(id(kind.node), {}).get(name)
        if isinstance(kind, Made) and name == self.catalogue.kinds[kind.kind].answered_as:
            return self.memory.answered.get(kind)
        return None


def said_by(members: list[list[Made]], team: Team, chains: dict[Made, Chain]) -> Value:
    """What each of those said that stand in a list, one by one."""
    last = [[one for made in member for one in team.parts[made].last] for member in members]
    return Value(box=Box("list", [Element(answer_of(chains_of(one, chains))) for one in last]))


def all_said(team: Team, chains: dict[Made, Chain]) -> Value:
    """All that was said in a run: the task, what was said before the last, as one, and the last."""
    last = team.opened.last
    before = [one for one in team.speakers if one in team.turning or one not in last]
    heard = [one for one in before if one not in team.silent]
    parts = [chains_of(heard, chains), chains_of(last, chains)]
    said = [answer_of(one) for one in parts if one]
    return Value(box=Box("list", [Element(one) for one in (UNKNOWN, *said)]))


def chains_of(speakers: Iterable[Made], chains: dict[Made, Chain]) -> list[Chain]:
    return [chains[one] for one in speakers if one in chains]


def answer_of(chains: Collection[Chain]) -> Value:
    return Value(origins=frozenset(map(Origin, chains)))
