"""Who takes part in a run: the teams of agents that the sources put together.

An agent is known by the place where it is made. Its members are what its constructor was given, or
what a framework fills in of a class's methods.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser import prompts
from charter_engine.parser.agent_graphs import AgentGraph
from charter_engine.parser.catalogue import Family, KindRule
from charter_engine.parser.findings import UnseenMembers
from charter_engine.parser.frames import Frame
from charter_engine.parser.offered import HOLDING
from charter_engine.parser.own_runs import OwnRuns
from charter_engine.parser.recognise import CallShape, Recognition, constructed_box
from charter_engine.parser.recording import holder_of
from charter_engine.parser.runnables import COMPOSED
from charter_engine.parser.symbols import ClassDefinition
from charter_engine.parser.syntax import output_name
from charter_engine.parser.team_parts import text_in
from charter_engine.parser.team_prompts import chats_of, nested, offer_of
from charter_engine.parser.teams import DRAWN, UNLISTED, Team, TeamBuilder, asks_itself
from charter_engine.parser.values import (
    UNKNOWN,
    Box,
    Class,
    Element,
    Function,
    Instance,
    Kind,
    Made,
    Value,
    in_order,
    made_in,
    members_in,
    static,
)
from charter_engine.parser.workflow_steps import WORKFLOW, has_functions

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis

OFFERING = ("tools", "functions", "tool_retriever", "0", "1")
"""The arguments in which agents are given functions to call."""

DECLARING_TOOLS = ("tool", "tool_plain", "register_for_llm")
"""Methods of agents that make a function one of their tools."""

CALLED_OF_TOOLS = ("forward", "_run", "_arun", "run", "handle", "execute")
"""What frameworks call the method by which a tool works that is a class."""

ANY_NAME = "*"
"""Of a kind that is served under any name, what no call at hand runs."""

DECLARED = {"tasks": "task", "agents": "agent"}
"""The lists that CrewAI's `CrewBase` fills, by the decorators of the methods that make their
members."""

CHATS = "autogen.chats"

TOOL = "llamaindex.tool"

SUFFIX = re.compile(r"\.\w{1,8}$")
"""What a text ends with that may be the path of a file."""

NESTED = "nested"
"""Under this name an agent keeps the chats that come before it goes on."""


class TeamFinder:
    """Finds the team that a call runs.

    `servers` are those at hand that run agents, `latest` is what a module's top level, or a
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
        self.ran: set[Made] = set()
        self.has_made = False
        self.own_runs = OwnRuns(analysis, evaluator)

    def made(self, frame: Frame, node: ast.Call, kind: str, box: Box | None) -> Value | None:
        """What a constructor of an agent or a team makes; None for any other kind."""
        if not self.program.catalogue.kinds[kind].part:
            return None
        box = box if box is not None else Box("object")
        kind = self.kind_chosen(kind, box)
        rule = self.program.catalogue.kinds[kind]
        self.read_texts(frame, rule, box)
        self.open_settings(rule, box)
        if rule.serves:
            box = Box(
                box.kind,
                fields={name: self.made_later(frame, value) for name, value in box.fields.items()},
            )
        if kind in COMPOSED:
            return self.evaluator.runnables.composed(frame, node, kind, box)
        loop = frame.loops[-1].record if frame.loops else None
        made = Made(kind, node, frame.module, frame.function, box, loop)
        self.has_made = True
        if frame.function is None or not frame.function.parameters:
            self.latest[made] = made
        if rule.serves:
            self.servers.pop(made, None)
            self.servers[made] = None
        return Value(types=frozenset((Kind(kind), made)), box=box)

    def kind_chosen(self, kind: str, box: Box) -> str:
        """What a constructor makes that chooses by one of its arguments, which may be left out."""
        rule = self.program.catalogue.kinds[kind]
        given = box.fields.get(rule.chosen_by)
        text = given.static_text() if given is not None else ""
        return rule.kinds.get(text, kind) if text is not None else kind

    def made_later(self, frame: Frame, value: Value) -> Value:
        """What functions return that make an agent or a team once it is needed; of anything else,
        the value itself."""
        found = [
            self.returned_by(frame, one)
            for member in members_in(value)
            for one in in_order(member.types)
            if isinstance(one, Function)
        ]
        items = [Element(one) for one in found if one is not None]
        return Value(box=Box("list", items)) if items else value

    def returned_by(self, frame: Frame, function: Function) -> Value | None:
        value = self.evaluator.follower.enter(frame, function, {}) or UNKNOWN
        held = value.box.fields.get("agent", value) if value.box is not None else value
        return held if any(made_in(held)) else None

    def open_settings(self, rule: KindRule, box: Box) -> None:
        """Let objects of the program's own settings that say what an agent is told hold what their
        classes say."""
        for name in {said.partition(".")[0] for said in rule.says if "." in said}:
            value = box.fields.get(name, UNKNOWN)
            for kind in value.types:
                if isinstance(kind, Instance):
                    fields = self.held_by(kind.definition)
                    fields |= value.box.fields if value.box is not None else {}
                    box.fields[name] = replace(value, box=Box("object", fields=fields))

    def held_by(self, definition: ClassDefinition) -> dict[str, Value]:
        """What a class and those that it is made from leave in their objects."""
        found: dict[str, Value] = {}
        for owner in reversed(self.program.lineage(definition)):
            found |= self.memory.object_of(owner).fields
        return found

    def read_texts(self, frame: Frame, rule: KindRule, box: Box) -> None:
        """Put what files say in the place of their paths, where an agent is given these."""
        for name in rule.reads:
            value = box.fields.get(name)
            path = value.static_text() if value is not None else None
            if path and SUFFIX.search(path):
                said = self.evaluator.files.text(frame.module, static(path))
                box.fields[name] = said or box.fields[name]

    def run_by(
        self, frame: Frame, asked: Value, shape: CallShape, found: Recognition
    ) -> Team | None:
        """The team that a call runs; None where it runs an agent that is found without, or where
        it isn't known who takes part."""
        made = self.put_together(frame, shape, found.family)
        run = chats_in(shape) or made or self.run_of(asked, shape, found.family)
        run = run or self.made_to_run(frame, shape, found.family)
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
        said = [name for name in rule.says if nested(made.box.fields, name) is not None]
        return all(name in prompts.KEPT_FOR_SYSTEM for name in said)

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
        given = [value for _, value in shape.positional] + [value for _, _, value in shape.keywords]
        members = [
            member for value in given for member in members_in(value) if any(made_in(member))
        ]
        becomes = rule.becomes.get(shape.verb, "")
        kind = becomes or rule.makes.get(shape.verb, "")
        if not members and kind:
            made = self.made(frame, shape.node, kind, constructed_box(shape))
            members = [made] if made is not None else []
        if box is None or not given:
            return receiver
        kept = box.fields.setdefault(
            rule.takes[shape.verb], Value(box=Box("list"), source=given[0].source)
        )
        if not members and not becomes and kept.box is not None:
            kept.box.rest = kept.box.rest or given[0]
        if not members:
            return receiver
        known = {*made_in(kept), *(one for held in members_in(kept) for one in classes_in(held))}
        new = [one for one in members if known.isdisjoint((*made_in(one), *classes_in(one)))]
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
        if len(made) == 1 and made[0].kind == WORKFLOW and has_functions(made[0]):
            return not self.team_of(made[0], []).speakers
        rules = [self.program.catalogue.kinds[one.kind] for one in made]
        if len(made) != 1 or rules[0].role == "model" or rules[0].part != "leads":
            return False
        return not self.team_of(made[0], []).speakers

    def runs_own_code(self, made: Made) -> bool:
        """Whether what is run leads to a graph of the program's own functions and objects, and
        nothing else: these ask by themselves."""
        ways = self.program.catalogue.kinds[made.kind].members
        if not DRAWN.isdisjoint(ways.values()):
            return AgentGraph(made).asks_nobody()
        is_leading = self.program.catalogue.kinds[made.kind].part == "leads"
        members = [
            one for argument in ways if is_leading for one in self.members_of(made, argument)
        ]
        return bool(members) and all(map(self.runs_own_code, members))

    def note_unseen(self, frame: Frame, made: Made, shape: CallShape) -> None:
        """Keep that a team's members are not at hand, where none is."""
        rule = self.program.catalogue.kinds[made.kind]
        if self.findings.visits is not None or self.progress.round == 0:
            return
        for argument, way in rule.members.items():
            value = made.box.fields.get(argument)
            if (
                way in ("tool", *UNLISTED)
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

    def put_together(self, frame: Frame, shape: CallShape, family: Family) -> list[Made]:
        """The team that a function makes of what it is given, and runs."""
        if not family.makes:
            return []
        box = Box("object", fields=prompts.arguments_by_name(shape, family))
        return [Made(family.makes, shape.node, frame.module, frame.function, box)]

    def made_to_run(self, frame: Frame, shape: CallShape, family: Family) -> list[Made]:
        """What a function makes that a call is given to run."""
        given = prompts.arguments_by_name(shape, family).get(family.runs, UNKNOWN)
        return [*made_in(self.made_later(frame, given))] if family.runs else []

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
            self.program.catalogue, self.members_of, self.made_last, self.own_runs.of
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
        if argument == self.program.catalogue.kinds[made.kind].returning:
            value = self.made_later(Frame(made.module, {}, function=made.function), value)
        pairs = [
            one for one in members_in(value) if one.box is not None and one.box.kind == "tuple"
        ]
        found = list(dict.fromkeys(one for held in (value, *pairs) for one in made_in(held)))
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
        found = list(self.servers)
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
        fields = offer_of(made)
        given = [fields.get(name, UNKNOWN) for name in OFFERING]
        found = [
            kind
            for value in given
            for member in members_in(value)
            for kind in in_order(function_in(member).types)
            if isinstance(kind, Function)
        ]
        name = output_name(made.module.parents, made.node)
        declared = {f"{name}.{verb}" for verb in DECLARING_TOOLS}
        found += [
            Function(definition)
            for definition in made.module.functions.values()
            if not declared.isdisjoint(definition.decorators)
        ]
        found += [tool for value in given for tool in self.methods_of_tools(value)]
        return [tool for tool in found if tool.definition in self.program.reaching]

    def methods_of_tools(self, given: Value) -> list[Function]:
        """What agents call of tools that are classes of the program's own, or objects of these."""
        return [
            Function(owner.methods[name], Value(types=frozenset((Instance(definition),))))
            for member in members_in(given)
            for definition in classes_in(member)
            if is_tool(definition)
            for owner in self.program.lineage(definition)[:1]
            for name in CALLED_OF_TOOLS
            if name in owner.methods
        ]


def chats_in(shape: CallShape) -> list[Made]:
    """`initiate_chats([{"recipient": …, "message": …}, …])`: the recipients as one team."""
    fields = {str(place): chat["recipient"] for place, chat in enumerate(chats_of(shape))}
    made = next((made for value in fields.values() for made in made_in(value)), None)
    box = Box("object", fields=fields)
    return [Made(CHATS, shape.node, made.module, None, box)] if made is not None else []


def classes_in(value: Value) -> list[ClassDefinition]:
    """The classes that a value is, or is an object of."""
    kinds = in_order(value.types)
    return [kind.definition for kind in kinds if isinstance(kind, Class | Instance)]


def is_tool(definition: ClassDefinition) -> bool:
    """Whether a class says by its base that it is a tool for models."""
    return any(
        base.rpartition(".")[2].endswith(("Tool", "ToolMessage")) for base in definition.bases
    )


def function_in(tool: Value) -> Value:
    """The function that a tool was made of: `FunctionTool.from_defaults(fn=look)`; of one that is
    no such object, the tool itself."""
    made = [kind for kind in tool.types if isinstance(kind, Made)]
    is_wrapped = tool.box is not None and tool.box.kind == "object"
    if tool.box is None or not is_wrapped or any(one.kind != TOOL for one in made):
        return tool
    return next((tool.box.fields[name] for name in HOLDING if name in tool.box.fields), tool)


def is_known(value: Value) -> bool:
    """Whether all that a list holds is known: nothing that is left out may be an agent."""
    if value.constant is not None:
        return True
    return value.box is not None and not value.box.items and value.box.rest is None


def talks_once(shape: CallShape) -> bool:
    """Whether two agents do not go on after the first answer."""
    limits = (value.constant for name, _, value in shape.keywords if name == "max_turns")
    return (1,) in limits
