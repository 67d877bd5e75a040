"""Functions that a framework calls to make its agents: `builder.register_agent(make_writer, "w")`,
`participant_factories=[lambda: hire("writer")]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.interpreting.arguments import bind
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.teams.team_prompts import EMPTY
from charter_engine.parser.values.candidates import functions_in, made_in
from charter_engine.parser.values.values import Box, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator


class Factories:
    """Follows the functions that are given in the place of agents."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def made(self, frame: Frame, given: Value) -> Value:
        """What a function makes that is given, or each of a list; of anything else, the value
        itself."""
        functions = functions_in(given)
        if len(functions) == 1:
            names = bind(functions[0], EMPTY)
            made = self.evaluator.follower.enter(frame, functions[0], names)
            return replace(made, source=given.source) if made is not None else given
        box = given.box
        if box is None or box.kind not in ("list", "tuple") or any(made_in(given)):
            return given
        items = [replace(item, value=self.made(frame, item.value)) for item in box.items]
        return replace(given, box=Box(box.kind, items, rest=box.rest))

    def called(self, frame: Frame, shape: CallShape) -> CallShape:
        """A call that is given functions, with what these make."""
        return replace(
            shape,
            positional=tuple((node, self.made(frame, value)) for node, value in shape.positional),
            keywords=tuple(
                (name, node, self.made(frame, value)) for name, node, value in shape.keywords
            ),
        )
