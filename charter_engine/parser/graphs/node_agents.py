"""What stands as nodes in a state graph beside plain functions: agents that a framework makes, each
given the conversation in the state, where it leaves its answer, the tools that a model asks for
(`ToolNode`), and functions of which arguments are bound before (`partial(work, agent=coder)`)."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from charter_engine.parser.agents.agent_functions import PLAIN_TOOL, function_in
from charter_engine.parser.graphs.graph_declarations import PARAMETERS
from charter_engine.parser.graphs.state_graphs import key_of
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape, Recognition
from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.teams.called_functions import HANDED_IN
from charter_engine.parser.teams.team_parts import name_of
from charter_engine.parser.teams.team_prompts import NOWHERE
from charter_engine.parser.values.candidates import functions_in, made_in, members_in
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.values import UNKNOWN, Box, Function, Kind, Made, Value, moved

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


TALK = "messages"
"""The key of a state that LangGraph's agents read and write."""

ASKING = "invoke"

NAMING = "add_node"
"""The method by which a graph is given a node."""


class OfferedTools(NamedTuple):
    """The functions behind a node that may ask a model, and the module that makes it one."""

    functions: list[Function]
    module: Module
    line: int


class NodeAgents:
    """Runs the agents and tools behind nodes, each under the name that stands for its function;
    `found` are the agents that are known, `tools` those that a model asks for. `bound` are
    functions as the places that make them nodes have bound them."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.at_hand = frozenset(evaluator.states.nodes)
        self.found: dict[str, Made] = {}
        self.tools: dict[str, OfferedTools] = {}
        self.bound: dict[FunctionDefinition, dict[int, Function]] = {}

    def names(self) -> list[str]:
        """The names of the nodes that are run here."""
        return [*self.found, *self.tools]

    def add(self, frame: Frame, shape: CallShape) -> None:
        """`graph.add_node("name", agent)`, or without a name."""
        graph = self.program.graph
        if graph is None or not isinstance(shape.node.func, ast.Attribute):
            return
        given = [value for _, value in shape.positional]
        named = {name: value for name, _, value in shape.keywords}
        given += [named[name] for name in PARAMETERS[NAMING] if name in named]
        for one in (one for value in given for one in functions_in(value)):
            if one.given or one.named:
                self.bound.setdefault(one.definition, {})[id(shape.node)] = one
        self.add_tools(frame, shape, given)
        made = next((one for value in given for one in made_in(value)), None)
        if made is None or self.program.catalogue.family_of_verb(made.kind, ASKING) is None:
            return
        function = self.function_of(frame, shape.node, given[0].static_text() or name_of(made))
        if function is not None and function not in self.at_hand:
            self.found[function] = made
            self.evaluator.states.nodes.add(function)
            self.evaluator.teams.ran.add(made)

    def function_of(self, frame: Frame, node: ast.Call, named: str) -> str | None:
        """The name that stands for the function of a node that a call adds."""
        graph = self.program.graph
        if graph is None or not isinstance(node.func, ast.Attribute):
            return None
        return graph.functions.get(key_of(graph.builders.key(frame.module, node.func.value), named))

    def add_tools(self, frame: Frame, shape: CallShape, given: list[Value]) -> None:
        """`graph.add_node("tools", ToolNode([search]))`: tools of which some may ask a model. Where
        several nodes have one name, it isn't told whose tools they are."""
        boxes = [one.box for one in given if PLAIN_TOOL in one.types and one.box is not None]
        held = [box.fields.get("tools", box.fields.get("0", UNKNOWN)) for box in boxes]
        functions = [
            function
            for value in held
            for member in members_in(value)
            for function in self.evaluator.teams.functions.called_in(function_in(member))
            if function.definition in self.program.reaching
        ]
        named = (given[0].static_text() if given else None) or "tools"
        function = self.function_of(frame, shape.node, named) if functions else None
        graph = self.program.graph
        is_one = graph is not None and len(graph.nodes_of(function or "")) == 1
        if function is not None and is_one and function not in self.at_hand:
            self.tools[function] = OfferedTools(functions, frame.module, shape.node.lineno)
            self.evaluator.states.nodes.add(function)

    def run(self, name: str, steps: int) -> None:
        if name in self.tools:
            self.run_tools(name, steps)
        else:
            self.run_agent(name, steps)

    def run_tools(self, name: str, steps: int) -> None:
        """What the model wrote last goes into the tools, and what models answer in them into the
        conversation."""
        tools, states = self.tools[name], self.evaluator.states
        self.progress.begin(tools.module.path, steps, name, tools.line)
        written = states.written_last(name, TALK, added=True)
        origins = written.all_origins() if written is not None else frozenset()
        asked = moved(Value(origins=origins), "argument")
        frame = Frame(tools.module, dict(self.memory.names_of(tools.module.path)))
        answer: Value | None = None
        for tool in tools.functions:
            names = [one for one in tool.definition.parameters if one not in HANDED_IN]
            result = self.evaluator.follower.enter(frame, tool, dict.fromkeys(names, asked))
            said = Value(origins=result.all_origins() - asked.origins) if result else UNKNOWN
            answer = join(answer, said, TALK)
        states.answered(name, TALK, answer or UNKNOWN)

    def run_agent(self, name: str, steps: int) -> None:
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
        frame = Frame(made.module, dict(self.memory.names_of(made.module.path)))
        why = f"an agent that stands as the node {name!r} of a graph"
        answer = self.evaluator.calls.agents.asked(
            frame, node, receiver, shape, Recognition(family, why)
        )
        states.answered(name, TALK, answer)
