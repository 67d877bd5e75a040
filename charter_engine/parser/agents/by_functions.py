"""What agents are given as functions: instructions that these write when an agent is run, agents
that it hands on to, and those that are made once they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.catalogue import KindRule
from charter_engine.parser.prompts import prompts
from charter_engine.parser.values.candidates import functions_in, made_in, members_in
from charter_engine.parser.values.values import Box, Element, Made, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator

AGENT = "agent"
"""Under this name a result holds the agent that a function makes."""

HANDED_ON = (AGENT, "1")
"""Under these names a result holds whom a function hands on to: `Result(agent=sales)`."""


class ByFunctions:
    """Follows functions that agents are given."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def instructions(self, frame: Frame, box: Box, rule: KindRule) -> dict[str, Value]:
        """What functions write that stand in the place of an agent's instructions."""
        found: dict[str, Value] = {}
        for name in rule.says or prompts.KEPT_FOR_SYSTEM:
            for function in functions_in(box.fields[name]) if name in box.fields else ():
                said = self.evaluator.follower.enter(frame, function, {})
                if said is not None and said.pieces:
                    found[name] = said
        return found

    def returned(self, made: Made, value: Value) -> list[Made]:
        """The agents that functions of an agent return, by themselves or in a result."""
        frame = Frame(made.module, {}, function=made.function)
        agents = [one for result in self.results(frame, value) for one in agents_in(result)]
        return list(dict.fromkeys(agents))

    def made_later(self, frame: Frame, value: Value) -> Value:
        """What functions return that make an agent or a team once it is needed; of anything else,
        the value itself."""
        held = [
            result.box.fields.get(AGENT, result) if result.box is not None else result
            for result in self.results(frame, value)
        ]
        items = [Element(one) for one in held if any(made_in(one))]
        return Value(box=Box("list", items)) if items else value

    def results(self, frame: Frame, value: Value) -> list[Value]:
        """What a function returns that is given, or each of several."""
        entered = [
            self.evaluator.follower.enter(frame, function, {})
            for member in members_in(value)
            for function in functions_in(member)
        ]
        return [result for result in entered if result is not None]


def agents_in(result: Value) -> list[Made]:
    """The agents that a function's result is or holds."""
    fields = result.box.fields if result.box is not None else {}
    held = [fields[name] for name in HANDED_ON if name in fields]
    return [made for one in (result, *held) for made in made_in(one)]
