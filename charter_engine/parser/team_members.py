"""Who takes part in a run: the teams of agents that the sources put together.

An agent is known by the place where it is made. Its members are what its constructor was given, or
what a framework fills in of a class's methods.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser import prompts
from charter_engine.parser.agent_graphs import AgentGraph
from charter_engine.parser.by_functions import ByFunctions
from charter_engine.parser.catalogue import Family, KindRule
from charter_engine.parser.described_agents import DescribedAgents
from charter_engine.parser.executors import handling_of
from charter_engine.parser.findings import UnseenMembers
from charter_engine.parser.frames import Frame
from charter_engine.parser.offered import HOLDING
from charter_engine.parser.own_runs import OwnRuns
from charter_engine.parser.recognise import CallShape, Recognition, constructed_box, named_in
from charter_engine.parser.recording import holder_of
from charter_engine.parser.runnables import COMPOSED
from charter_engine.parser.symbols import ClassDefinition, FunctionDefinition, dotted_name
from charter_engine.parser.syntax import last_name, output_name
from charter_engine.parser.team_parts import text_in
from charter_engine.parser.team_prompts import chats_of, nested, offer_of
from charter_engine.parser.teams import (
    DRAWN,
    RETURNED,
    UNLISTED,
    Team,
    TeamBuilder,
    asks_itself,
)
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
    functions_in,
    in_order,
    made_in,
    members_in,
    moved,
    static,
)
from charter_engine.parser.workflow_steps import WORKFLOW, has_functions

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis

OFFERING = ("tools", "functions", "tool_retriever", "0", "1")
"""The arguments in which agents are given functions to call."""

RETURNING = ("output_type", "result_type")
"""Under these names an agent is given the functions that its answer goes to."""

GUARDING = "output_guardrails"
"""The argument in which an agent is given functions that look at its answer."""

SERVERS = "mcp_servers"
"""The argument in which an agent is given servers of tools, some of the program's own."""

DECLARING_TOOLS = ("tool", "tool_plain", "register_for_llm")
"""Methods of agents that make a function one of their tools."""

WORKING = ("_run", "_arun", "forward")
"""Methods by which the classes of tools do their work (CrewAI, LangChain, smolagents)."""

NAMING = ("name", "role", "description", "0")
"""The arguments by which agents and tasks are told apart."""

CHATTING_TWO = frozenset(("initiate_chat", "a_initiate_chat"))
"""Methods by which an agent talks with another."""

CALLED_OF_TOOLS = ("forward", "_run", "_arun", "run", "handle", "execute")
"""What frameworks call the method by which a tool works that is a class."""

ANY_NAME = "*"
"""Of a kind that is served under any name, what no call at hand runs."""

DECLARED = {"tasks": "task", "agents": "agent"}
"""The lists that CrewAI's `CrewBase` fills, by the decorators of the methods that make their
members."""

CHATS = "autogen.chats"

SWARM = "autogen.declared"
SWARMING = frozenset("initiate_swarm_chat a_initiate_swarm_chat run_swarm a_run_swarm".split())
"""Functions that run agents which hand on to each other as they declare."""

TOOLS = frozenset(("llamaindex.tool", "haystack.tool"))
"""What is made of a function for an agent to call."""

PLAIN_TOOL = Kind("tool")

PLUGINS = ("plugins", "kernel.plugins")
"""The arguments in which agents of Semantic Kernel are given objects whose methods they call."""

SUFFIX = re.compile(r"\.\w{1,8}$")
"""What a text ends with that may be the path of a file."""

NESTED = "nested"
"""Under this name an agent keeps the chats that come before it goes on."""


class TeamFinder:
    """Finds the team that a call runs.

    `servers` are those at hand that run agents, `led` the workflows that begin with code of the
    program's own, `latest` is what a module's top level, or a function that is given nothing, made
    last in a place, `ran` is what calls were seen to run, `said` what was said last in the chats of
    an agent.
    `has_made` tells whether any agent or team was made: what runs it may come first.
    """

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.modules = {module.path: module for module in analysis.program.modules.values()}
        self.servers: dict[Made, None] = {}
        self.latest: dict[Made, Made] = {}
        self.led: dict[Made, None] = {}
        self.ran: set[Made] = set()
        self.said: dict[Made, Value] = {}
        self.has_made = False
        self.own_runs = OwnRuns(analysis, evaluator)
        self.by_functions = ByFunctions(evaluator)
        self.described = DescribedAgents(analysis.program)

    def made(self, frame: Frame, node: ast.Call, kind: str, box: Box | None) -> Value | None:
        """What a constructor of an agent or a team makes; None for any other kind."""
        if not self.program.catalogue.kinds[kind].part:
            return None
        box = box if box is not None else Box("object")
        kind = self.kind_chosen(kind, box)
        rule = self.program.catalogue.kinds[kind]
        box = self.described.told(rule, box)
        self.read_texts(frame, rule, box)
        self.open_settings(rule, box)
        if rule.serves:
            box = Box(
                box.kind,
                fields={name: self.made_later(frame, value) for name, value in box.fields.items()},
            )
        if kind in COMPOSED:
            return self.evaluator.runnables.composed(frame, node, kind, box)
        box.fields |= self.by_functions.instructions(frame, box, rule)
        loop = frame.loops[-1].record if frame.loops else None
        for name in box.fields.keys() & set(rule.factories):
            box.fields[name] = self.evaluator.factories.made(frame, box.fields[name])
        name = name_in(frame, box)
        made = Made(kind, node, frame.module, frame.function, box, loop, name)
        self.keep_declared(frame, made)
        self.has_made = True
        if frame.function is None or not frame.function.parameters:
            self.latest[made] = made
        if rule.serves:
            self.servers.pop(made, None)
            self.servers[made] = None
        return Value(types=frozenset((Kind(kind), made)), box=box)

    def keep_declared(self, frame: Frame, made: Made) -> None:
        """Let an agent hold what functions say that it is told by: `@agent.instructions`."""
        for name in self.program.catalogue.kinds[made.kind].says:
            said = [
                self.evaluator.follower.enter(frame, Function(one), {})
                for one in declared_on(made, [name])
            ]
            if said:
                given = [made.box.fields[name]] if name in made.box.fields else []
                parts = [*given, *(value or UNKNOWN for value in said)]
                made.box.fields[name] = Value(box=Box("list", [Element(part) for part in parts]))

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
        run = chats_in(shape) or swarm_in(shape) or made or self.run_of(asked, shape, found.family)
        run = run or self.made_to_run(frame, shape, found.family)
        self.ran.update(run)
        if len(run) != 1 or self.is_one_of_several(run[0]):
            return None
        self.note_unseen(frame, self.made_last(run[0]), shape)
        talking = [kind for kind in in_order(asked.types) if isinstance(kind, Made)]
        is_once = talks_once(shape) or run[0].kind in (CHATS, SWARM) or found.family.only_known
        team = self.team_of(run[0], [] if is_once else talking)
        if not team.speakers:
            self.note_unseen_in_courses(frame, team, shape)
        led_to = [*self.tools_of(run[0]), *self.outputs_of(run[0]), *self.guards_of(run[0])]
        is_plain = team.speakers == run and not team.turning and not led_to
        holder = holder_of(asked, shape)
        is_derived = any(isinstance(kind, Instance) for kind in holder.types)
        is_held = run[0] in holder.types and holder.box is not None and not is_derived
        is_found = is_plain and is_held and self.is_told_so(run[0])
        return team if team.speakers and not is_found else None

    def is_one_of_several(self, made: Made) -> bool:
        """Whether what is run leads to one agent and it isn't known which: of a dict, perhaps."""
        rule = self.program.catalogue.kinds[made.kind]
        given = [made.box.fields[name] for name in rule.members if name in made.box.fields]
        choices = [[kind for kind in value.types if isinstance(kind, Made)] for value in given]
        return rule.part == "leads" and any(len(agents) > 1 for agents in choices)

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

    def keep_said(self, receiver: Value, shape: CallShape, answer: Value) -> None:
        """Keep what two agents said last to each other."""
        if shape.verb in CHATTING_TWO and answer.origins:
            given = [value for _, value in shape.positional[:1]]
            given += [value for name, _, value in shape.keywords if name == "recipient"]
            talking = [made for value in (receiver, *given) for made in made_in(value)]
            self.said |= dict.fromkeys(talking, moved(answer, "history"))

    def said_last(self, receiver: Value, shape: CallShape) -> Value | None:
        """`agent.last_message()`: what was said last in the chats of an agent."""
        if shape.verb != "last_message" or not self.said:
            return None
        return next((self.said[made] for made in made_in(receiver) if made in self.said), None)

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
        kind = becomes or rule.makes.get(shape.verb, "")
        if not members and kind:
            made = self.made(frame, shape.node, kind, constructed_box(shape))
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
        known = {*made_in(kept), *(one for held in members_in(kept) for one in classes_in(held))}
        new = [one for one in members if known.isdisjoint((*made_in(one), *classes_in(one)))]
        if kept.box is not None:
            kept.box.items += [Element(member) for member in new]
        return members[0] if becomes else receiver

    def asks_nobody(self, receiver: Value, shape: CallShape, family: Family) -> bool:
        """Whether what is run leads to members of which none asks a model, as a pipeline may, or
        must be known to ask one, or be given a prompt, and isn't."""
        if family.only_known and not self.run_of(receiver, shape, family):
            return True
        if family.only_prompted and not prompts.prompt_of(shape, family):
            return True
        made = [kind for kind in receiver.types if isinstance(kind, Made)]
        if len(made) != 1:
            return False
        if self.runs_own_code(made[0]) or self.begins_with_own_code(made[0]):
            return True
        rule = self.program.catalogue.kinds[made[0].kind]
        is_led = rule.role != "model" and rule.part == "leads"
        if is_led or (made[0].kind == WORKFLOW and has_functions(made[0])):
            return not self.team_of(made[0], []).speakers
        return False

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
        """Keep that a team's members are not at hand, where none is, and no call gives them."""
        rule = self.program.catalogue.kinds[made.kind]
        is_given = frame.function in self.findings.called_wrappers
        if self.findings.visits is not None or self.progress.round == 0 or is_given:
            return
        ways = [(name, way) for names, way in rule.members.items() for name in names.split("+")]
        for argument, way in ways:
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
            self.program.catalogue,
            self.members_of,
            self.made_last,
            self.own_runs.of,
            lambda made: self.own_runs.site_of(made) is not None,
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
        if self.program.catalogue.kinds[made.kind].members.get(argument) == RETURNED:
            return self.by_functions.returned(made, value)
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
        """What a framework's own server runs and no call does: what stands under the name that it
        looks for, and what a server at hand is made with."""
        found = [server for server in self.servers if server not in self.ran]
        found += self.led
        left: list[Made] = []
        for rule in self.program.catalogue.served:
            is_named = rule.served_as != ANY_NAME
            for path, names in self.memory.globals.items():
                kept = [self.kept_as(path, rule.served_as)] if is_named else names.values()
                made = [kind for value in kept for kind in in_order(value.types)]
                (found if is_named else left).extend(
                    kind for kind in made if isinstance(kind, Made) and kind.kind == rule.name
                )
        is_run = self.led_to(self.ran)
        named = [made for made in found if made not in is_run]
        return list(dict.fromkeys([*named, *self.whole(left)]))

    def kept_as(self, path: str, name: str) -> Value:
        """What a module keeps under a name, also as it imports it."""
        held = self.memory.globals[path].get(name)
        module = self.modules[path] if held is None else None
        is_imported = module is not None and name in module.imports
        found = self.evaluator.names.global_name(module, name) if module and is_imported else held
        return found or UNKNOWN

    def whole(self, left: list[Made]) -> list[Made]:
        """Of what may be served, what no call runs and no other of them leads to."""
        led_to = self.led_to((*left, *self.ran) if left else ())
        return [made for made in left if made not in self.ran and made not in led_to]

    def led_to(self, runs: Iterable[Made]) -> set[Made]:
        """The agents and teams that others lead to."""
        return {part for made in runs for part in self.team_of(made, []).parts if part != made}

    def may_serve(self) -> bool:
        """Whether something is served, or may be once all files are known: what stands under the
        name may come from one that is read later."""
        names = {rule.served_as for rule in self.program.catalogue.served}
        kept = self.memory.globals.values()
        return bool(self.served()) or any(not names.isdisjoint(known) for known in kept)

    def tools_of(self, made: Made) -> list[Function]:
        """The functions at hand that an agent may call and that may ask a model, those of its
        toolsets and of its own servers among them."""
        toolsets = list(made_in(made.box.fields.get("toolsets", UNKNOWN)))
        servers = members_in(made.box.fields.get(SERVERS, UNKNOWN))
        offers = [offer_of(made), *(toolset.box.fields for toolset in toolsets)]
        given = [offer[name] for offer in offers for name in OFFERING if name in offer]
        boxes = [server.box for server in servers if server.box is not None]
        given += [box.fields["tools"] for box in boxes if "tools" in box.fields]
        found = [
            function
            for value in given
            for member in members_in(value)
            for function in self.called_in(function_in(member))
        ]
        found += self.methods_offered(made)
        name = output_name(made.module.parents, made.node) or ""
        registered = {*named_in_config(made), *registered_for(made, name)}
        own = made.module.functions.values()
        found += [Function(one) for one in own if one.name in registered]
        for holder in (made, *toolsets):
            found += map(Function, declared_on(holder, DECLARING_TOOLS))
        return [tool for tool in found if tool.definition in self.program.reaching]

    def outputs_of(self, made: Made) -> list[Function]:
        """The functions at hand that an agent's answer may go to, and that may ask a model."""
        found = functions_under(made.box, RETURNING)
        return [output for output in found if output.definition in self.program.reaching]

    def guards_of(self, made: Made) -> list[Function]:
        """The functions at hand that look at what an agent answers, and may ask a model about
        it."""
        found = functions_under(made.box, (GUARDING,))
        return [one for one in found if one.definition in self.program.reaching]

    def called_in(self, tool: Value) -> list[Function]:
        """What is called of a tool: itself, or of a tool that is a class, or an object of one, the
        method that does its work."""
        found = functions_in(tool)
        for kind in in_order(tool.types):
            if isinstance(kind, Class | Instance):
                names = CALLED_OF_TOOLS if is_tool(kind.definition) else WORKING
                made = Value(types=frozenset((Instance(kind.definition),)), box=tool.box)
                methods = (self.program.method_of(kind.definition, name) for name in names)
                found += [Function(one, made) for one in methods if one is not None]
        return found

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


def name_in(frame: Frame, box: Box) -> str:
    """The name of an agent that a function makes for its caller; empty: one place makes one, or a
    loop makes some."""
    function = frame.function
    if function is None or not function.parameters[1 if function.takes_self else 0 :]:
        return ""
    named = (box.fields[name].static_text() for name in NAMING if name in box.fields)
    return next(filter(None, named), "") if not frame.all_loops() else ""


def chats_in(shape: CallShape) -> list[Made]:
    """`initiate_chats([{"recipient": …, "message": …}, …])`: the recipients as one team."""
    fields = {str(place): chat["recipient"] for place, chat in enumerate(chats_of(shape))}
    made = next((made for value in fields.values() for made in made_in(value)), None)
    box = Box("object", fields=fields)
    return [Made(CHATS, shape.node, made.module, None, box)] if made is not None else []


def functions_under(box: Box, names: Iterable[str]) -> list[Function]:
    """The functions at hand that stand under some names, also as tools."""
    given = [box.fields.get(name, UNKNOWN) for name in names]
    members = [function_in(member) for value in given for member in members_in(value)]
    return [one for member in members for one in functions_in(member)]


def declared_on(made: Made, verbs: Iterable[str]) -> list[FunctionDefinition]:
    """The functions that a decorator of an agent or a toolset makes its own: `@agent.tool`."""
    name = output_name(made.module.parents, made.node)
    declared = {f"{holder}.{verb}" for verb in verbs for holder in (name, f"self.{name}")}
    functions = made.module.functions.values() if name else ()
    return [one for one in functions if not declared.isdisjoint(one.decorators)]


def swarm_in(shape: CallShape) -> list[Made]:
    """`initiate_swarm_chat(initial_agent, messages, agents)`: the agents as one team, which hand on
    as they declare."""
    if shape.verb not in SWARMING:
        return []
    names = ("initial_agent", "messages", "agents")
    given = dict(zip(names, (value for _, value in shape.positional), strict=False))
    box = Box("object", fields=given | named_in(shape))
    agents = box.fields.get("agents", UNKNOWN)
    made = next(made_in(agents), None)
    return [Made(SWARM, shape.node, made.module, None, box)] if made is not None else []


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
    """The function that a tool was made of: `FunctionTool.from_defaults(fn=look)`, `Tool(look)`;
    of one that is no such object, the tool itself."""
    made = [kind for kind in tool.types if isinstance(kind, Made)]
    if any(one.kind not in TOOLS for one in made):
        return tool
    fields = made[0].box.fields if made else {}
    is_wrapped = tool.box is not None and (PLAIN_TOOL in tool.types or tool.box.kind == "object")
    if not made and tool.box is not None and is_wrapped:
        fields = {name: held for name, held in tool.box.fields.items() if functions_in(held)}
    return next((fields[name] for name in (*HOLDING, "1") if name in fields), tool)


def registered_for(made: Made, name: str) -> Iterator[str]:
    """The functions that calls elsewhere in the file make tools of an agent, in AG2:
    `register_function(look, caller=agent, …)` and `agent.register_for_llm(…)(look)`."""
    for call in made.module.calls:
        if last_name(call.func) == "register_function":
            callers = [word.value for word in call.keywords if word.arg == "caller"]
            is_own = any(last_name(one) == name for one in callers)
        else:
            path = dotted_name(call.func.func) if isinstance(call.func, ast.Call) else ""
            is_own = f".{path}".endswith(f".{name}.register_for_llm")
        if name and is_own and call.args:
            yield last_name(call.args[0])


def named_in_config(made: Made) -> Iterator[str]:
    """The functions that the configuration of an agent's model names, which others run for it."""
    config = made.box.fields.get("llm_config", UNKNOWN).box
    for name in ("functions", "tools"):
        held = config.fields.get(name) if config is not None else None
        for member in members_in(held) if held is not None else ():
            fields = member.box.fields if member.box is not None else {}
            inner = fields.get("function", UNKNOWN).box
            yield text_of_name(fields) or text_of_name(inner.fields if inner is not None else {})


def text_of_name(fields: dict[str, Value]) -> str:
    return fields.get("name", UNKNOWN).static_text() or ""


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
