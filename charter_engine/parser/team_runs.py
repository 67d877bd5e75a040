"""Runs of teams: the call that starts one stands for the agent that speaks first; every other agent
that it leads to is a call where it is made.

What is written of an agent (its instructions, a task's description) is its prompt, with the answers
that it hears. What a framework adds in words of its own is not at hand.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace as dataclass_replace
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.contracts.graph import Carried, Flow, Loop
from charter_engine.parser import prompts
from charter_engine.parser.catalogue import Family
from charter_engine.parser.chains import CHAIN
from charter_engine.parser.edges import best_flow, loops_since
from charter_engine.parser.findings import Fillings, HeardAnswer, Message, Site
from charter_engine.parser.frames import Frame
from charter_engine.parser.offered import OFFERED, offers
from charter_engine.parser.recognise import CallShape, Recognition
from charter_engine.parser.recording import (
    Edges,
    frozen,
    holder_of,
    holes_of,
    record_fillings,
)
from charter_engine.parser.runnables import COMPOSED, FED, made_of
from charter_engine.parser.syntax import output_name, used_by
from charter_engine.parser.teams import (
    NOBODY,
    Heard,
    Team,
    TeamBuilder,
    made_in,
    members_in,
    text_in,
)
from charter_engine.parser.values import (
    UNKNOWN,
    Box,
    Chain,
    Element,
    Function,
    Hole,
    Instance,
    Kind,
    Made,
    Origin,
    Piece,
    Static,
    Value,
    in_order,
    static,
)

if TYPE_CHECKING:
    from charter_engine.parser.expressions import Evaluator
    from charter_engine.parser.state import Analysis

FIELD = re.compile(r"\{([A-Za-z_]\w*)\??\}")
"""Where a text of an agent or a task takes a value of the run's state or inputs."""

OFFERING = ("tools", "functions", "1")
"""The arguments in which agents are given functions to call."""

DECLARING_TOOLS = ("tool", "tool_plain", "register_for_llm")
"""Methods of agents that make a function one of their tools."""

HANDED_IN = frozenset(("self", "cls", "ctx", "context", "wrapper", "tool_context", "run_context"))
"""Parameters of tools that the framework fills, not the model."""

DECLARED = {"tasks": "task", "agents": "agent"}
"""The lists that CrewAI's `CrewBase` fills, by the decorators of the methods that make their
members."""


class TeamRuns:
    """Records what runs of teams lead to."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.servers: dict[Made, None] = {}
        self.latest: dict[Made, Made] = {}

    def made(self, frame: Frame, node: ast.Call, kind: str, box: Box | None) -> Value | None:
        """What a constructor of an agent or a team makes; None for any other kind."""
        if not self.program.catalogue.kinds[kind].part:
            return None
        box = box if box is not None else Box("object")
        if kind in COMPOSED:
            return self.evaluator.runnables.composed(frame, node, kind, box)
        loop = frame.loops[-1].record if frame.loops else None
        made = Made(kind, node, frame.module, frame.function, box, loop)
        if frame.function is None:
            self.latest[made] = made
        if self.program.catalogue.kinds[kind].serves:
            self.servers.pop(made, None)
            self.servers[made] = None
        return Value(types=frozenset((Kind(kind), made)), box=box)

    def run_by(self, asked: Value, shape: CallShape, found: Recognition) -> Team | None:
        """The team that a call runs; None where it runs an agent that is found without, or where
        it isn't known who takes part."""
        run = chats_in(shape) or self.run_of(asked, shape, found.family)
        if len(run) != 1:
            return None
        talking = [kind for kind in in_order(asked.types) if isinstance(kind, Made)]
        is_once = talks_once(shape) or run[0].kind == CHATS
        team = self.team_of(run[0], [] if is_once else talking)
        is_plain = team.speakers == run and not team.turning and not self.tools_of(run[0])
        is_found = is_plain and run[0] in holder_of(asked, shape).types
        return team if team.speakers and not is_found else None

    def run_of(self, asked: Value, shape: CallShape, family: Family) -> list[Made]:
        """What a call is given to run, or else what is called: several where that isn't known."""
        given = prompts.arguments_by_name(shape, family).get(family.runs, UNKNOWN)
        found = [kind for kind in in_order(given.types) if isinstance(kind, Made)]
        return found or [kind for kind in in_order(asked.types) if isinstance(kind, Made)]

    def team_of(self, run: Made, talking: list[Made]) -> Team:
        """The team that an agent leads, or the two agents of which one is `talking` to the
        other."""
        run = self.latest.get(run, run)
        team = TeamBuilder(self.program.catalogue, self.members_of).built(run)
        others = [made for made in talking if made != run]
        if not others or any(speaker != run for speaker in team.speakers):
            return team
        return TeamBuilder(self.program.catalogue, self.members_of).talking([run, *others[:1]])

    def members_of(self, made: Made, argument: str) -> list[Made]:
        """What an agent or a team was given under the name of an argument; of what a module makes,
        as it was made last: what it imports may be known by then."""
        return [self.latest.get(member, member) for member in self.given_to(made, argument)]

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

    def opening(self, asked: Value, team: Team, shape: CallShape) -> tuple[Value, CallShape]:
        """The agent that speaks first, in the place of the team that is called, and what is left
        of the call to be said to it."""
        first = team.opened.first[0]
        if first.kind == CHAIN_MADE:
            return replace(asked, types=frozenset((CHAIN, first)), box=first.box), shape
        said = self.written(first, inputs_of(shape))
        fields = {name: value for name, value in self.offer_of(first).items() if name in OFFERED}
        if said:
            fields["messages"] = Value(
                box=Box("list", [Element(as_message(*part)) for part in said])
            )
        types = frozenset((Kind(first.kind), first))
        chats = chats_of(shape)
        if chats:
            said_first = chats[0].get("message", UNKNOWN)
            message = ("message", said_first.source or NOWHERE, said_first)
            shape = replace(shape, positional=(), keywords=(message,))
        is_told = all(part.pieces is not None for role, part in said if role == "user")
        given = without_inputs(shape) if said and is_told else shape
        return replace(asked, types=types, box=Box("object", fields=fields)), given

    def written(self, made: Made, given: dict[str, Value]) -> tuple[Message, ...]:
        """What stands in the source of an agent's prompt, with the fields that the run fills."""
        if made.kind == CHAIN_MADE:
            chain = Value(types=frozenset((CHAIN,)), box=made.box)
            filling = Value(box=Box("dict", fields=given))
            return prompts.kept_messages(chain, replace(EMPTY, positional=((NOWHERE, filling),)))
        rule = self.program.catalogue.kinds[made.kind]
        says = rule.says or dict.fromkeys(prompts.KEPT_FOR_SYSTEM, "system")
        parts = [
            part
            for name, role in says.items()
            if (value := nested(made.box.fields, name)) is not None
            for part in prompts.messages_of(value, role)
        ]
        return tuple((role, filled(value, given)) for role, value in parts)

    def offer_of(self, made: Made) -> dict[str, Value]:
        """What an agent, or the one that does a task, was given to offer the model."""
        agent = made.box.fields.get("agent", UNKNOWN).box
        return {**(agent.fields if agent is not None else {}), **made.box.fields}

    def record(
        self,
        frame: Frame,
        node: ast.Call,
        shape: CallShape,
        found: Recognition,
        team: Team,
        answer: Value,
    ) -> Value:
        """Keep the calls of all that a run leads to, and what they hear; returns the run's answer
        as that of those who may speak last."""
        if not self.findings.are_judged:
            return answer
        run = self.findings.sites[self.findings.site_numbers[id(node)]]
        chain = self.evaluator.recorder.chain_to(frame, run)
        chains: dict[Made, Chain] = {team.opened.first[0]: chain}
        turn = loops_since(frame, (), self.progress.round)
        for speaker in team.speakers:
            if speaker not in chains:
                site = self.site_for(speaker, found.family.name, node.lineno)
                chains[speaker] = ((site.number, turn),)
        task = self.task_of(shape, found.family)
        tasks = dict.fromkeys(team.speakers, task) | messages_in(shape)
        self.keep(frame, team, chains, inputs_of(shape), tasks, run)
        last = [speaker for speaker in team.opened.last if speaker in chains]
        origins = frozenset(Origin(chains[speaker]) for speaker in last)
        return replace(answer, origins=origins or answer.origins)

    def served(self) -> list[Made]:
        """What a framework's own server runs: what stands under the name that it looks for, and
        what a server at hand is made with."""
        found = list(self.servers)
        for rule in self.program.catalogue.served:
            for names in self.memory.globals.values():
                value = names.get(rule.served_as, UNKNOWN)
                found += [
                    kind
                    for kind in in_order(value.types)
                    if isinstance(kind, Made) and kind.kind == rule.name
                ]
        return list(dict.fromkeys(found))

    def serve(self) -> None:
        """Keep the calls of what is served."""
        for made in self.served():
            self.keep_served(made)

    def keep_served(self, made: Made) -> None:
        team = self.team_of(made, [])
        turn = ((0, self.progress.round),)
        chains: dict[Made, Chain] = {}
        for speaker in team.speakers:
            family = self.program.catalogue.family_that_runs(speaker.kind)
            site = self.site_for(speaker, family, made.node.lineno)
            chains[speaker] = ((site.number, turn),)
        names = self.memory.globals.get(made.module.path, {})
        self.keep(Frame(made.module, dict(names)), team, chains, {}, {}, None)

    def keep(
        self,
        frame: Frame,
        team: Team,
        chains: dict[Made, Chain],
        inputs: dict[str, Value],
        tasks: dict[Made, tuple[Message, ...]],
        run: Site | None,
    ) -> None:
        """Keep what each of a team says and hears. The first is the call that runs it."""
        for speaker in team.speakers:
            heard = team.heard_by(speaker)
            outer = self.findings.sites[chains[speaker][0][0]]
            is_run = run is not None and speaker == team.opened.first[0]
            sites = [outer, run] if is_run and run is not None and run is not outer else [outer]
            if not is_run:
                given = inputs | self.keys_of(team, chains) | self.fed(speaker, team, chains)
                is_told = team.hears_task(speaker) and speaker.kind != CHAIN_MADE
                hears = tasks.get(speaker, ()) if is_told else ()
                self.describe(outer, speaker, given, hears)
                self.repeat_with(outer, run, team)
                self.trace(outer, chains[speaker], team, chains)
            for site in sites:
                self.fill(site, speaker, team, chains)
                self.connect(site, team, speaker, heard, chains)
                self.follow_tools(frame, site, speaker, chains[speaker])

    def follow_tools(self, frame: Frame, site: Site, speaker: Made, chain: Chain) -> None:
        """Follow the functions that an agent calls as tools: what it writes goes in, and what other
        models answer in them comes back to it."""
        written = Value(origins=frozenset((Origin(chain, "argument"),)))
        before, frame.chain = frame.chain, ()
        for tool in self.tools_of(speaker):
            definition = tool.definition
            names = [name for name in definition.parameters if name not in HANDED_IN]
            reached = self.findings.reached
            result = self.evaluator.follower.enter(frame, tool, dict.fromkeys(names, written))
            if self.findings.reached > reached:
                line = speaker.node.lineno
                loop = Loop(kind="cycle", line=line)
                site.repeated_by += [loop] if loop not in site.repeated_by else []
                name = label_of(speaker, site)
                self.hear(site, HeardAnswer(site.number, "loop", "assistant", name, again=True))
            for origin in result.all_origins() if result is not None else ():
                source = origin.chain[0][0]
                if source >= 0 and source != site.number:
                    name = definition.name
                    self.hear(site, HeardAnswer(source, "loop", "tool", name, again=True))
        frame.chain = before

    def tools_of(self, made: Made) -> list[Function]:
        """The functions at hand that an agent may call and that may ask a model."""
        given = [made.box.fields.get(name, UNKNOWN) for name in OFFERING]
        found = [
            kind
            for value in given
            for member in members_in(value)
            for kind in in_order(member.types)
            if isinstance(kind, Function)
        ]
        name = output_name(made.module.parents, made.node)
        declared = {f"{name}.{verb}" for verb in DECLARING_TOOLS}
        found += [
            Function(definition)
            for definition in made.module.functions.values()
            if not declared.isdisjoint(definition.decorators)
        ]
        return [tool for tool in found if tool.definition in self.program.reaching]

    def keys_of(self, team: Team, chains: dict[Made, Chain]) -> dict[str, Value]:
        """What the speakers leave in the state of the run, by its keys."""
        found: dict[str, set[Origin]] = {}
        for speaker in team.speakers:
            rule = self.program.catalogue.kinds[speaker.kind]
            key = text_in(speaker, rule.writes) if rule.writes else ""
            if key:
                found.setdefault(key, set()).add(Origin(chains[speaker]))
        return {key: Value(origins=frozenset(origins)) for key, origins in found.items()}

    def task_of(self, shape: CallShape, family: Family) -> tuple[Message, ...]:
        """What a run is given to say to all."""
        given = () if family.own_prompt else prompts.prompt_of(shape, family)
        return tuple(message for message in given if message[0] != "system")

    def site_for(self, made: Made, family: str, line: int) -> Site:
        number = self.findings.site_numbers.setdefault(
            id(made.node), len(self.findings.site_numbers)
        )
        site = self.findings.sites.get(number)
        if site is None:
            why = f"what is made here takes part in the run of line {line}"
            site = Site(number, made.node, made.module, made.function, family, "sdk", (why,))
            self.findings.sites[number] = site
        site.loop = made.loop
        site.output = site.output or output_name(made.module.parents, made.node)
        return site

    def describe(
        self, site: Site, made: Made, given: dict[str, Value], task: tuple[Message, ...]
    ) -> None:
        """Keep an agent's prompt as it is written, and what it offers."""
        own = self.written(made, given)
        is_tasked = any(role == "user" for role, _ in own)
        site.prompt = site.opening = frozen(own if is_tasked else (*own, *task))
        holder = Value(box=Box("object", fields=self.offer_of(made)))
        site.head = offers(EMPTY, NO_FAMILY, holder)

    def fed(self, speaker: Made, team: Team, chains: dict[Made, Chain]) -> dict[str, Value]:
        """What the fields of a chain's prompt are filled with by those before it: each by its
        name, or the only one with the text that the one before gives."""
        found = fed_by(speaker, team, chains)
        if found is not None:
            return found
        before = [one.speaker for one in team.heard_by(speaker) if one.speaker in chains]
        origins = frozenset(Origin(chains[one]) for one in before)
        names = {
            hole.source
            for _, part in self.written(speaker, {})
            for hole in holes_of(part)
            if isinstance(hole.source, str)
        }
        return {name: Value(origins=origins) for name in names} if len(names) == 1 else {}

    def repeat_with(self, site: Site, run: Site | None, team: Team) -> None:
        """A call of a team runs as often as the call that runs the team, and beside as many."""
        if run is None:
            return
        first = team.opened.first[0]
        site.fanout = site.fanout or (None if first in team.beside else run.fanout)
        above = [replace(run.loop, kind="caller")] if run.loop is not None else []
        above += [loop for loop in run.repeated_by if loop.kind == "caller"]
        site.repeated_by += [loop for loop in above if loop not in site.repeated_by]

    def trace(self, site: Site, chain: Chain, team: Team, chains: dict[Made, Chain]) -> None:
        """Keep which outputs from outside the team reach what an agent is told."""
        mates = {chains[speaker][0][0] for speaker in team.speakers}
        edges: Edges = {}
        for _, part in site.opening:
            outside = (one for one in part.all_origins() if one.chain[0][0] not in mates)
            self.evaluator.recorder.record_edges(chain, frozenset(outside), edges)
            record_fillings(site, part, edges)

    def connect(
        self,
        site: Site,
        team: Team,
        speaker: Made,
        heard: list[Heard],
        chains: dict[Made, Chain],
    ) -> None:
        """Keep how often a speaker speaks, beside whom, and whose answers it hears."""
        if speaker in team.turning:
            loop = Loop(kind="cycle", line=team.turning[speaker])
            site.repeated_by += [loop] if loop not in site.repeated_by else []
            site.settled |= {hole.key for _, part in site.opening for hole in holes_of(part)}
        if speaker in team.beside:
            site.fanout = site.fanout or "parallel"
        is_named = fed_by(speaker, team, chains) is not None
        for other in heard:
            source = chains[other.speaker][0][0]
            if speaker.kind == CHAIN_MADE and is_told(site, chains[other.speaker], is_named):
                continue
            number = site.number if other.speaker == speaker else source
            name = label_of(other.speaker, self.findings.sites[source])
            self.hear(site, HeardAnswer(number, other.carried, other.role, name, other.again))

    def hear(self, site: Site, answer: HeardAnswer) -> None:
        flow: Flow = "argument" if answer.role == "user" else "history"
        self.lead(site, answer.site, answer.carried, flow)
        if answer not in site.heard:
            site.heard = (*site.heard, answer)

    def fill(self, site: Site, speaker: Made, team: Team, chains: dict[Made, Chain]) -> None:
        """Keep whose answers fill the fields of a speaker's instructions."""
        place = {chains[made][0][0]: number for number, made in enumerate(team.speakers)}
        own = place[chains[speaker][0][0]]
        for hole in (hole for _, part in site.opening for hole in holes_of(part)):
            for origin in hole.value.origins:
                source = origin.chain[0][0]
                if source not in place:
                    continue
                carried: Carried = "data" if place[source] < own else "loop"
                site.fillings.setdefault(hole.key, {})[origin.chain] = source, carried
                self.lead(site, source, carried, "state")

    def lead(self, site: Site, source: int, carried: Carried, flow: Flow) -> None:
        site.edges[source, carried] = best_flow(site.edges.get((source, carried)), flow)


NO_FAMILY = Family("")
NOWHERE = ast.Call(ast.Name(""), [], [])
EMPTY = CallShape((), frozenset(), frozenset(), (), (), NOWHERE, {})
"""A call that is given nothing: what is offered was given before."""

CHAIN_MADE = "langchain.chain"


def fed_by(speaker: Made, team: Team, chains: dict[Made, Chain]) -> dict[str, Value] | None:
    """What the fields of a chain's prompt are filled with by the chains before it, by their names;
    None where the one before gives it a text."""
    giver = team.given_by.get(speaker)
    if giver is None:
        return {}
    fed = speaker.box.fields.get(FED, UNKNOWN)
    giver = made_of(fed) if giver == speaker else giver
    box = fed.box if giver is None else giver.box
    if box is None or (giver is not None and giver.kind != "langchain.parallel"):
        return None
    found: dict[str, Value] = {}
    for name, value in box.fields.items():
        last = [one for made in made_in(value) for one in team.parts.get(made, NOBODY).last]
        origins = frozenset(Origin(chains[one]) for one in last if one in chains)
        if origins:
            found[name] = Value(origins=origins)
    return found


def is_told(site: Site, chain: Chain, is_named: bool) -> bool:
    """Whether a chain's prompt holds an answer in one of its fields, or only there if at all."""
    return is_named or any(chain in made for made in site.fillings.values())


def as_message(role: str, part: Value) -> Value:
    return Value(box=Box("dict", fields={"role": static(role), "content": part}))


def nested(fields: dict[str, Value], name: str) -> Value | None:
    """An argument, or one that an argument was made with."""
    first, _, rest = name.partition(".")
    value = fields.get(first)
    if not rest or value is None:
        return value
    return nested(value.box.fields, rest) if value.box is not None else None


def inputs_of(shape: CallShape) -> dict[str, Value]:
    """What a run is given to fill in, by name."""
    given = next((value for name, _, value in shape.keywords if name == "inputs"), UNKNOWN)
    return dict(given.box.fields) if given.box is not None else {}


def chats_in(shape: CallShape) -> list[Made]:
    """`initiate_chats([{"recipient": …, "message": …}, …])`: the recipients as one team."""
    fields = {str(place): chat["recipient"] for place, chat in enumerate(chats_of(shape))}
    made = next((made for value in fields.values() for made in made_in(value)), None)
    box = Box("object", fields=fields)
    return [Made(CHATS, shape.node, made.module, None, box)] if made is not None else []


def messages_in(shape: CallShape) -> dict[Made, tuple[Message, ...]]:
    """What the recipient of each of several chats is told."""
    return {
        made: tuple(prompts.messages_of(chat["message"], ""))
        for chat in chats_of(shape)
        if "message" in chat
        for made in made_in(chat["recipient"])
    }


def chats_of(shape: CallShape) -> list[dict[str, Value]]:
    """What each of several chats is given that has a recipient."""
    if shape.verb not in ("initiate_chats", "a_initiate_chats") or not shape.positional:
        return []
    chats = shape.positional[0][1].box
    boxes = [item.value.box for item in chats.items] if chats is not None else []
    return [box.fields for box in boxes if box is not None and "recipient" in box.fields]


CHATS = "autogen.chats"


def without_inputs(shape: CallShape) -> CallShape:
    """A call without what it is given to fill in, which stands where it is filled in."""
    return replace(shape, keywords=tuple(one for one in shape.keywords if one[0] != "inputs"))


def talks_once(shape: CallShape) -> bool:
    """Whether two agents do not go on after the first answer."""
    limits = (value.constant for name, _, value in shape.keywords if name == "max_turns")
    return (1,) in limits


def label_of(made: Made, site: Site) -> str:
    """A name for what an agent answers."""
    is_returned = isinstance(used_by(made.module.parents, made.node), ast.Return)
    owner = made.function.name if made.function is not None and is_returned else ""
    kept = output_name(made.module.parents, made.node)
    return site.output or kept or text_in(made, "name") or owner or "answer"


def filled(value: Value, given: dict[str, Value]) -> Value:
    """A text with its fields as places that the run fills, with what it is `given` for them."""
    pieces = value.pieces
    if pieces is None or not any(
        isinstance(one, Static) and FIELD.search(one.text) for one in pieces
    ):
        return value
    found: list[Piece] = []
    for piece in pieces:
        found += fields_in(piece, given) if isinstance(piece, Static) else (piece,)
    origins = value.origins.union(
        *(piece.value.all_origins() for piece in found if isinstance(piece, Hole))
    )
    return replace(value, pieces=tuple(found), origins=origins)


def fields_in(piece: Static, given: dict[str, Value]) -> list[Piece]:
    found: list[Piece] = []
    end = 0
    for match in FIELD.finditer(piece.text):
        name = match.group(1)
        if match.start() > end:
            found.append(piece.part(piece.text[end : match.start()], end))
        value = given.get(name, UNKNOWN)
        source = value.source if value.source is not None else name
        found.append(Hole(source, value, piece.source_line, match.start()))
        end = match.end()
    if end < len(piece.text):
        found.append(piece.part(piece.text[end:], end))
    return found


def as_heard(site: Site) -> Site:
    """A call of a team with the answers that it hears: those of this turn, and where the team goes
    round, those that every turn before has left."""
    if not site.heard:
        return site
    fillings: Fillings = dict(site.fillings)

    def messages(carried: Carried, again: bool) -> tuple[Message, ...]:
        return tuple(
            message_for(site, answer, carried, fillings)
            for answer in site.heard
            if answer.again == again and carried in ("loop", answer.carried)
        )

    before = (*site.opening, *messages("data", again=False))
    now = messages("data", again=True)
    each = messages("loop", again=True)
    return dataclass_replace(
        site, opening=(*before, *now), prompt=(*before, *each, *now), fillings=fillings
    )


def message_for(site: Site, answer: HeardAnswer, carried: Carried, fillings: Fillings) -> Message:
    """An answer of this turn, or of an earlier one, as a place in the prompt."""
    column = answer.site + 1 if carried == "loop" else -answer.site - 1
    chain: Chain = ((answer.site, ()),)
    value = Value(origins=frozenset((Origin(chain),)))
    hole = Hole(answer.name, value, site.node.lineno, column)
    fillings[hole.key] = {chain: (answer.site, carried)}
    return answer.role, Value(pieces=(hole,))
