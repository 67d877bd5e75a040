"""Who takes part in a run: the teams of agents that the sources put together.

An agent is known by the place where it is made. Its members are what its constructor was given, or
what a framework fills in of a class's methods.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from charter_engine.parser import prompts
from charter_engine.parser.agent_graphs import AgentGraph
from charter_engine.parser.catalogue import Family, KindRule
from charter_engine.parser.executors import handling_of
from charter_engine.parser.findings import UnseenMembers
from charter_engine.parser.frames import Frame
from charter_engine.parser.offered import HOLDING
from charter_engine.parser.own_runs import OwnRuns
from charter_engine.parser.recognise import CallShape, Recognition, constructed_box
from charter_engine.parser.recording import holder_of
from charter_engine.parser.runnables import COMPOSED
from charter_engine.parser.syntax import output_name
from charter_engine.parser.team_prompts import chats_of
from charter_engine.parser.teams import DRAWN, Team, TeamBuilder, asks_itself, text_in
from charter_engine.parser.values import (
    UNKNOWN,
    Box,
    Element,
    Function,
    Instance,
    Kind,
    Made,
    Value,
    in_order,
    made_in,
    members_in,
)

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis

OFFERING = ("tools", "functions", "tool_retriever", "0", "1")
"""The arguments in which agents are given functions to call."""

DECLARING_TOOLS = ("tool", "tool_plain", "register_for_llm")
"""Methods of agents that make a function one of their tools."""

ANY_NAME = "*"
"""Of a kind that is served under any name, what no call at hand runs."""

DECLARED = {"tasks": "task", "agents": "agent"}
"""The lists that CrewAI's `CrewBase` fills, by the decorators of the methods that make their
members."""

CHATS = "autogen.chats"

TOOLS = frozenset(("llamaindex.tool", "haystack.tool"))
"""What is made of a function for an agent to call."""

PLUGINS = ("plugins", "kernel.plugins")
"""The arguments in which agents of Semantic Kernel are given objects whose methods they call."""

NESTED = "nested"
"""Under this name an agent keeps the chats that come before it goes on."""


class TeamFinder:
    """Finds the team that a call runs.

    `servers` are those at hand that run agents, `led` the workflows that begin with code of the
    program's own, `latest` is what a module's top level, or a
    function that is given nothing, made last in a place, `ran` is what calls were seen to run.
    `has_made` tells whether any agent or team was made: what runs it may come first.
    """

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.servers: dict[Made, None] = {}
        self.latest: dict[Made, Made] = {}
        self.led: dict[Made, None] = {}
        self.ran: set[Made] = set()
        self.has_made = False
        self.own_runs = OwnRuns(analysis, evaluator)

    def made(self, frame: Frame, node: ast.Call, kind: str, box: Box | None) -> Value | None:
        """What a constructor of an agent or a team makes; None for any other kind."""
        if not self.program.catalogue.kinds[kind].part:
            return None
        box = box if box is not None else Box("object")
        if kind in COMPOSED:
            return self.evaluator.runnables.composed(frame, node, kind, box)
        loop = frame.loops[-1].record if frame.loops else None
        for name in box.fields.keys() & set(self.program.catalogue.kinds[kind].factories):
            box.fields[name] = self.evaluator.factories.made(frame, box.fields[name])
        made = Made(kind, node, frame.module, frame.function, box, loop)
        self.has_made = True
        if frame.function is None or not frame.function.parameters:
            self.latest[made] = made
        if self.program.catalogue.kinds[kind].serves:
            self.servers.pop(made, None)
            self.servers[made] = None
        return Value(types=frozenset((Kind(kind), made)), box=box)

    def run_by(
        self, frame: Frame, asked: Value, shape: CallShape, found: Recognition
    ) -> Team | None:
        """The team that a call runs; None where it runs an agent that is found without, or where
        it isn't known who takes part."""
        run = chats_in(shape) or self.run_of(asked, shape, found.family)
        self.ran.update(run)
        if len(run) != 1:
            return None
        self.note_unseen(frame, run[0], shape)
        talking = [kind for kind in in_order(asked.types) if isinstance(kind, Made)]
        is_once = talks_once(shape) or run[0].kind == CHATS or found.family.only_known
        team = self.team_of(run[0], [] if is_once else talking)
        if not team.speakers:
            self.note_unseen_in_courses(frame, team, shape)
        is_plain = team.speakers == run and not team.turning and not self.tools_of(run[0])
        held = holder_of(asked, shape).types
        is_derived = any(isinstance(kind, Instance) for kind in held)
        is_found = is_plain and run[0] in held and not is_derived and self.is_told_so(run[0])
        return team if team.speakers and not is_found else None

    def is_told_so(self, made: Made) -> bool:
        """Whether what is written of an agent stands under names that any model is told by."""
        rule = self.program.catalogue.kinds[made.kind]
        given = [name for name in rule.says if prompts.field_of(made.box.fields, name) is not None]
        return all(name in prompts.KEPT_FOR_SYSTEM for name in given)

    def nest(self, receiver: Value, shape: CallShape) -> None:
        """`agent.register_nested_chats(chats, trigger=other)`: what the other says goes through the
        chats before it is answered. Where the agent asks no model, the other has their answer."""
        given = [value for name, _, value in shape.keywords if name == "trigger"]
        given += [value for _, value in shape.positional[1:]]
        speakers = [
            made
            for value in (receiver, *given[:1])
            for made in made_in(value)
            if asks_itself(made, self.program.catalogue.kinds[made.kind])
        ]
        for speaker in speakers[:1]:
            chats = frozenset(chats_in(shape))
            speaker.box.fields[NESTED] = Value(types=chats)

    def take(self, frame: Frame, receiver: Value, shape: CallShape, rule: KindRule) -> Value:
        """`team.add_worker(agent)`: keep a member that a team is given by a method, or that the
        method itself makes of what it is given, and returns if it is said to become that."""
        box = receiver.box
        if shape.verb in rule.factories:
            shape = self.evaluator.factories.called(frame, shape)
        given = [value for _, value in shape.positional] + [value for _, _, value in shape.keywords]
        members = [
            member for value in given for member in members_in(value) if any(made_in(member))
        ]
        becomes = rule.becomes.get(shape.verb, "")
        if not members and (becomes or rule.makes):
            made = self.made(frame, shape.node, becomes or rule.makes, constructed_box(shape))
            members = [made] if made is not None else []
        if box is None or not given:
            return receiver
        name = rule.takes[shape.verb]
        if is_alone(name, rule):
            box.fields[name] = given[0]
            return receiver
        kept = box.fields.setdefault(name, Value(box=Box("list"), source=given[0].source))
        if not members and not becomes and kept.box is not None:
            kept.box.rest = kept.box.rest or given[0]
        if not members:
            return receiver
        known = set(made_in(kept))
        new = [member for member in members if known.isdisjoint(made_in(member))]
        if kept.box is not None:
            kept.box.items += [Element(member) for member in new]
        return members[0] if becomes else receiver

    def asks_nobody(self, receiver: Value, shape: CallShape, family: Family) -> bool:
        """Whether what is run leads to members of which none asks a model, as a pipeline may, or
        must be known to ask one and isn't."""
        if family.only_known and not self.run_of(receiver, shape, family):
            return True
        made = [kind for kind in receiver.types if isinstance(kind, Made)]
        if len(made) == 1 and self.runs_own_code(made[0]):
            return True
        if len(made) == 1 and self.begins_with_own_code(made[0]):
            return True
        rules = [self.program.catalogue.kinds[one.kind] for one in made]
        if len(made) != 1 or rules[0].role == "model" or rules[0].part != "leads":
            return False
        return not self.team_of(made[0], []).speakers

    def begins_with_own_code(self, made: Made) -> bool:
        """Whether what is run leads to agents that first an executor of the program's own tells
        what it was answered: these are kept without a call that runs them."""
        ways = self.program.catalogue.kinds[made.kind].members
        if DRAWN.isdisjoint(ways.values()) or not self.program.linked:
            return False
        team = self.team_of(made, [])
        is_led = bool(team.speakers) and not team.opened.first
        if is_led:
            self.led.setdefault(self.made_last(made))
        return is_led

    def runs_own_code(self, made: Made) -> bool:
        """Whether what is run leads to a graph of the program's own functions and objects, and
        nothing else: these ask by themselves."""
        ways = self.program.catalogue.kinds[made.kind].members
        if not DRAWN.isdisjoint(ways.values()):
            return AgentGraph(made).asks_nobody()
        is_leading = self.program.catalogue.kinds[made.kind].part == "leads"
        names = [name for names in ways for name in names.split("+") if is_leading]
        members = [one for name in names for one in self.members_of(made, name)]
        given = [made.box.fields.get(name, UNKNOWN) for name in names]
        own = [one for value in given for one in members_in(value) if is_executor(one)]
        return bool(members or own) and all(map(self.runs_own_code, members))

    def note_unseen(self, frame: Frame, made: Made, shape: CallShape) -> None:
        """Keep that a team's members are not at hand, where none is."""
        rule = self.program.catalogue.kinds[made.kind]
        if self.findings.visits is not None or self.progress.round == 0:
            return
        ways = [(name, way) for names, way in rule.members.items() for name in names.split("+")]
        for argument, way in ways:
            value = made.box.fields.get(argument)
            if (
                way in ("tool", *DRAWN)
                or value is None
                or is_known(value)
                or self.given_to(made, argument)
            ):
                continue
            written = ast.unparse(value.source) if value.source is not None else argument
            self.findings.unseen.add(
                UnseenMembers(frame.module.path, shape.node.lineno, written[:80])
            )
        for written in self.unseen_nodes(made):
            self.findings.unseen.add(
                UnseenMembers(frame.module.path, shape.node.lineno, written[:80])
            )

    def unseen_nodes(self, made: Made) -> list[str]:
        """What stands in a graph of agents, as it is written, where none of that is at hand."""
        ways = self.program.catalogue.kinds[made.kind].members
        if DRAWN.isdisjoint(ways.values()):
            return []
        graph = AgentGraph(made)
        ends = [node for node in graph.nodes if isinstance(node, str) and node]
        return [] if graph.agents or graph.asks_nobody() else ends[:1]

    def note_unseen_in_courses(self, frame: Frame, team: Team, shape: CallShape) -> None:
        """Keep that whom objects of the program's own run is not at hand."""
        if self.findings.visits is not None or self.progress.round == 0:
            return
        for part in team.parts:
            self.findings.unseen.update(
                UnseenMembers(frame.module.path, shape.node.lineno, ast.unparse(one)[:80])
                for one in self.own_runs.unseen(part)
            )

    def run_of(self, asked: Value, shape: CallShape, family: Family) -> list[Made]:
        """What a call is given to run, or else what is called: several where that isn't known."""
        arguments = prompts.arguments_by_name(shape, family)
        given = arguments.get(family.runs, UNKNOWN)
        found = [kind for kind in in_order(given.types) if isinstance(kind, Made)]
        name = arguments.get(family.names, UNKNOWN).static_text() if family.names else None
        if not found and name is not None:
            fields = asked.box.fields.values() if asked.box is not None else ()
            held = [made for value in fields for made in made_in(value)]
            found = [made for made in held if text_in(made, family.names) == name]
        if family.only_known:
            return [made for made in found if self.may_ask(made)]
        return found or [kind for kind in in_order(asked.types) if isinstance(kind, Made)]

    def may_ask(self, made: Made) -> bool:
        """Whether what was made leads to others, or asks a model itself."""
        rule = self.program.catalogue.kinds[made.kind]
        return rule.part == "leads" or asks_itself(made, rule)

    def team_of(self, run: Made, talking: list[Made]) -> Team:
        """The team that an agent leads, or the two agents of which one is `talking` to the
        other."""
        run = self.made_last(run)
        team = self.builder().built(run)
        others = [made for made in talking if made != run]
        if not others or any(speaker != run for speaker in team.speakers):
            return team
        return self.builder().talking([run, *others[:1]])

    def builder(self) -> TeamBuilder:
        return TeamBuilder(
            self.program.catalogue,
            self.members_of,
            self.made_last,
            self.own_runs.of,
            self.evaluator.mixed.asking(),
        )

    def made_last(self, made: Made) -> Made:
        """Of what a module makes, or a function that is given nothing, what was made last in the
        place: what it imports may be known by then."""
        return self.latest.get(made, made)

    def members_of(self, made: Made, argument: str) -> list[Made]:
        """What an agent or a team was given under the name of an argument."""
        return [self.made_last(member) for member in self.given_to(made, argument)]

    def given_to(self, made: Made, argument: str) -> list[Made]:
        fields = made.box.fields
        if argument.startswith("*"):
            given = [v for name, v in fields.items() if argument == "**" or name.isdigit()]
            return list(dict.fromkeys(one for value in given for one in made_in(value)))
        value = prompts.field_of(fields, argument)
        if value is None:
            return []
        found = list(dict.fromkeys(made_in(value)))
        return found or self.filled_in(made, value)

    def filled_in(self, made: Made, value: Value) -> list[Made]:
        """`self.tasks` in a class of CrewAI's: what its methods make that are declared as tasks, in
        their order."""
        source = value.source
        decorator = DECLARED.get(source.attr, "") if isinstance(source, ast.Attribute) else ""
        owner = made.function.owner if made.function is not None else None
        if not decorator or owner is None:
            return []
        frame = Frame(made.module, {}, function=made.function)
        bound = Value(types=frozenset((Instance(owner),)))
        found: list[Made] = []
        for method in owner.methods.values():
            if decorator in (name.rpartition(".")[2] for name in method.decorators):
                result = self.evaluator.follower.enter(frame, Function(method, bound), {})
                found += made_in(result) if result is not None else ()
        return found

    def served(self) -> list[Made]:
        """What a framework's own server runs: what stands under the name that it looks for, and
        what a server at hand is made with."""
        found = [*self.servers, *self.led]
        left: list[Made] = []
        for rule in self.program.catalogue.served:
            is_named = rule.served_as != ANY_NAME
            for names in self.memory.globals.values():
                kept = [names.get(rule.served_as, UNKNOWN)] if is_named else names.values()
                made = [kind for value in kept for kind in in_order(value.types)]
                (found if is_named else left).extend(
                    kind for kind in made if isinstance(kind, Made) and kind.kind == rule.name
                )
        return list(dict.fromkeys([*found, *self.whole(left)]))

    def whole(self, left: list[Made]) -> list[Made]:
        """Of what may be served, what no call runs and no other of them leads to."""
        led_to = {part for made in left for part in self.team_of(made, []).parts if part != made}
        return [made for made in left if made not in self.ran and made not in led_to]

    def may_serve(self) -> bool:
        """Whether something is served, or may be once all files are known: what stands under the
        name may come from one that is read later."""
        names = {rule.served_as for rule in self.program.catalogue.served}
        kept = self.memory.globals.values()
        return bool(self.served()) or any(not names.isdisjoint(known) for known in kept)

    def tools_of(self, made: Made) -> list[Function]:
        """The functions at hand that an agent may call and that may ask a model."""
        given = [made.box.fields.get(name, UNKNOWN) for name in OFFERING]
        found = [
            kind
            for value in given
            for member in members_in(value)
            for kind in in_order(function_in(member).types)
            if isinstance(kind, Function)
        ]
        found += self.methods_offered(made)
        name = output_name(made.module.parents, made.node)
        declared = {f"{name}.{verb}" for verb in DECLARING_TOOLS}
        found += [
            Function(definition)
            for definition in made.module.functions.values()
            if not declared.isdisjoint(definition.decorators)
        ]
        return [tool for tool in found if tool.definition in self.program.reaching]

    def methods_offered(self, made: Made) -> list[Function]:
        """The methods of an agent's plugins that are declared as functions to call."""
        return [
            Function(method, Value(types=frozenset((kind,))))
            for plugin in plugins_of(made)
            for kind in in_order(plugin.types)
            if isinstance(kind, Instance)
            for method in kind.definition.methods.values()
            if "kernel_function" in (name.rpartition(".")[2] for name in method.decorators)
        ]


def is_executor(value: Value) -> bool:
    """Whether something is an object of the program's own that handles a workflow's messages."""
    owners = [kind.definition for kind in value.types if isinstance(kind, Instance)]
    return any(handling_of(method) for owner in owners for method in owner.methods.values())


def plugins_of(made: Made) -> Iterator[Value]:
    """The objects whose methods an agent calls as tools."""
    for name in PLUGINS:
        value = prompts.field_of(made.box.fields, name)
        yield from members_in(value) if value is not None else ()
        rest = value.box.rest if value is not None and value.box is not None else None
        yield from (rest,) if rest is not None else ()


def chats_in(shape: CallShape) -> list[Made]:
    """`initiate_chats([{"recipient": …, "message": …}, …])`: the recipients as one team."""
    fields = {str(place): chat["recipient"] for place, chat in enumerate(chats_of(shape))}
    made = next((made for value in fields.values() for made in made_in(value)), None)
    box = Box("object", fields=fields)
    return [Made(CHATS, shape.node, made.module, None, box)] if made is not None else []


def function_in(tool: Value) -> Value:
    """The function that a tool was made of: `FunctionTool.from_defaults(fn=look)`; of one that is
    no such object, the tool itself."""
    made = [kind for kind in tool.types if isinstance(kind, Made) and kind.kind in TOOLS]
    fields = made[0].box.fields if made else {}
    return next((fields[name] for name in HOLDING if name in fields), tool)


def is_alone(name: str, rule: KindRule) -> bool:
    """Whether an argument holds the one who leads a team, not its members."""
    return name in rule.asks_with or any(said.startswith(f"{name}.") for said in rule.says)


def is_known(value: Value) -> bool:
    """Whether all that a list holds is known: nothing that is left out may be an agent."""
    if value.constant is not None:
        return True
    return value.box is not None and not value.box.items and value.box.rest is None


def talks_once(shape: CallShape) -> bool:
    """Whether two agents do not go on after the first answer."""
    limits = (value.constant for name, _, value in shape.keywords if name == "max_turns")
    return (1,) in limits
