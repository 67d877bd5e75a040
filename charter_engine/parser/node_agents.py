"""What stands as nodes in a state graph beside plain functions: agents that a framework makes, each
given the conversation in the state, where it leaves its answer, and functions of which arguments
are bound before (`partial(work, agent=coder)`)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.frames import Frame
from charter_engine.parser.recognise import CallShape, Recognition
from charter_engine.parser.state_graphs import key_of
from charter_engine.parser.symbols import FunctionDefinition
from charter_engine.parser.team_parts import name_of
from charter_engine.parser.team_prompts import NOWHERE
from charter_engine.parser.values import (
    UNKNOWN,
    Box,
    Function,
    Kind,
    Made,
    Value,
    functions_in,
    made_in,
)

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis


TALK = "messages"
"""The key of a state that LangGraph's agents read and write."""

ASKING = "invoke"


class NodeAgents:
    """Runs the agents behind nodes, each under the name that stands for its function; `found` are
    those that are known. `bound` are functions as the places that make them nodes have bound
    them."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.found: dict[str, Made] = {}
        self.bound: dict[FunctionDefinition, dict[int, Function]] = {}

    def add(self, frame: Frame, shape: CallShape) -> None:
        """`graph.add_node("name", agent)`, or without a name."""
        graph = self.program.graph
        if graph is None or not isinstance(shape.node.func, ast.Attribute):
            return
        given = [value for _, value in shape.positional]
        given += [value for name, _, value in shape.keywords if name in ("node", "action")]
        for one in (one for value in given for one in functions_in(value)):
            if one.given or one.named:
                self.bound.setdefault(one.definition, {})[id(shape.node)] = one
        made = next((one for value in given for one in made_in(value)), None)
        if made is None or self.program.catalogue.family_of_verb(made.kind, ASKING) is None:
            return
        builder = graph.builders.key(frame.module, shape.node.func.value)
        named = given[0].static_text() or name_of(made)
        function = graph.functions.get(key_of(builder, named))
        if function is not None:
            self.found[function] = made
            self.evaluator.states.nodes.add(function)
            self.evaluator.teams.ran.add(made)

    def run(self, name: str, steps: int) -> None:
        made = self.found[name]
        team = self.evaluator.teams.team_of(made, [])
        node = team.opened.first[0].node if team.speakers else made.node
        family = self.program.catalogue.family_of_verb(made.kind, ASKING)
        if family is None or not isinstance(node, ast.Call):
            return
        self.progress.begin(made.module.path, steps, name, node.lineno)
        states = self.evaluator.states
        talk = states.state_at(name).fields.get(TALK, UNKNOWN)
        receiver = Value(types=frozenset((Kind(made.kind), made)), box=made.box)
        shape = CallShape(
            path=(name, ASKING),
            callee=frozenset(),
            receiver=receiver.types,
            positional=((NOWHERE, Value(box=Box("dict", fields={TALK: talk}))),),
            keywords=(),
            node=node,
            parents=made.module.parents,
            held=made.box,
            verb=ASKING,
        )
        frame = Frame(made.module, dict(self.memory.globals.get(made.module.path, {})))
        why = f"an agent that stands as the node {name!r} of a graph"
        answer = self.evaluator.calls.agents.asked(
            frame, node, receiver, shape, Recognition(family, why)
        )
        states.answered(name, TALK, answer)
