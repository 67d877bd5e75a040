"""Runs of teams: the call that starts one stands for the agent that speaks first; every other agent
that it leads to is a call where it is made.

What is written of an agent (its instructions, a task's description) is its prompt, with the answers
that it hears. What a framework adds in words of its own is not at hand.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.contracts.graph import Carried, Flow, Loop
from charter_engine.parser.flows.edge_recorder import Edges, record_fillings
from charter_engine.parser.flows.edges import best_flow, loops_since
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.catalogue import Family, KindRule
from charter_engine.parser.model_calls.chains import CHAIN
from charter_engine.parser.model_calls.findings import HeardAnswer, Message, Site
from charter_engine.parser.model_calls.recognise import CallShape, Recognition
from charter_engine.parser.model_calls.recording import frozen
from charter_engine.parser.model_calls.runnables import FED, GETTER, ending, made_of
from charter_engine.parser.prompts import prompts
from charter_engine.parser.prompts.offered import OFFERED, offers
from charter_engine.parser.source.syntax import (
    are_alternatives,
    last_name,
    output_name,
)
from charter_engine.parser.teams.called_functions import CalledFunctions
from charter_engine.parser.teams.earlier_runs import goes_on, told_before
from charter_engine.parser.teams.speakers import Heard, Team
from charter_engine.parser.teams.team_parts import NOBODY, text_in
from charter_engine.parser.teams.team_prompts import (
    CHAIN_MADE,
    EMPTY,
    NOWHERE,
    as_message,
    chats_of,
    fields_given,
    histories_in,
    inputs_of,
    label_of,
    messages_in,
    offer_of,
    template_of,
    without_inputs,
    written,
)
from charter_engine.parser.values.candidates import made_as, made_in
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.pieces import holes_of, pieces_of
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    Element,
    Kind,
    Made,
    Piece,
    Static,
    Value,
)
from charter_engine.parser.workflows.workflow_steps import WORKFLOW, WorkflowSteps, has_functions

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


NO_FAMILY = Family("")


class TeamRuns:
    """Records what runs of teams lead to.

    A call may run one of several teams. `forked` are the calls that a team of theirs runs beside
    others, `turned` the loops in which it repeats them: what these hold for one team says nothing
    of another that the same call runs.
    """

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.called = CalledFunctions(analysis, evaluator)
        self.led: set[int] = set()
        self.forked: set[int] = set()
        self.turned: dict[int, list[Loop]] = {}

    def tell_anew(self, node: ast.Call) -> None:
        """Forget what a run said while it was not known who takes part: their file came later."""
        number = self.findings.site_numbers.get(id(node), -1)
        site = self.findings.sites.get(number)
        if site is not None and self.progress.round > 0 and id(node) not in self.led:
            site.opening = site.prompt = ()
        self.led.add(id(node))

    def opening(
        self, asked: Value, team: Team, shape: CallShape, family: Family
    ) -> tuple[Value, CallShape]:
        """The agent that speaks first, in the place of the team that is called, and what is left
        of the call to be said to it."""
        first = team.opened.first[0]
        template = template_of(first)
        if template is not None:
            return replace(asked, types=frozenset((CHAIN, first)), box=template), shape
        said = written(first, self.rule_of(first), inputs_of(shape, family))
        fields = {name: value for name, value in offer_of(first).items() if name in OFFERED}
        fields |= signature_in(first)
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
        chain = self.evaluator.edges.chain_to(frame, run)
        chains = dict.fromkeys(self.told_alike(team.opened.first), chain)
        turn = loops_since(frame, (), self.progress.round)
        for speaker in team.speakers:
            if speaker not in chains:
                own = self.evaluator.teams.own_runs.site_of(speaker)
                site = own or self.site_for(speaker, found.family.name, node.lineno)
                chains[speaker] = ((site.number, turn),)
        task = self.task_of(shape, found.family)
        tasks = dict.fromkeys(team.speakers, task) | messages_in(shape)
        self.findings.outputs.add(*chains.values())
        inputs = inputs_of(shape, found.family) | histories_in(team, run.talk)
        inputs = fields_given(team, shape) | inputs
        self.keep(frame, team, chains, inputs, tasks, run)
        for speaker in team.opened.first:
            self.called.follow_input_guards(frame, speaker, given_to(shape, found.family))
        last = [speaker for speaker in team.opened.last if speaker in chains]
        origins = frozenset(Origin(chains[speaker]) for speaker in last)
        for speaker in last:
            origins |= self.called.follow_outputs(frame, speaker, chains[speaker])
        made = next(iter(team.parts))
        stepped = self.stepped(frame, made, shape, team, chains)
        origins = stepped.all_origins() if stepped is not None else origins
        told = self.evaluator.run_answers.keep(node, made, team, chains)
        return replace(answer, origins=origins or answer.origins, types=answer.types | told)

    def run_steps(self, frame: Frame, receiver: Value, shape: CallShape) -> Value | None:
        """What a workflow answers of which all steps are functions; None for anything else."""
        if not self.evaluator.agents.has_made or not self.findings.are_judged:
            return None
        made = next(iter(made_as(receiver)), None)
        if made is None:
            return None
        return self.stepped(frame, made, shape, Team(), {})

    def stepped(
        self, frame: Frame, made: Made, shape: CallShape, team: Team, chains: dict[Made, Chain]
    ) -> Value | None:
        """What a workflow answers that has functions for steps, which are run; None for anything
        else."""
        family = self.program.catalogue.family_of_verb(made.kind, shape.verb)
        if made.kind != WORKFLOW or family is None or not has_functions(made):
            return None
        steps = WorkflowSteps(self.evaluator, frame, team, chains, given_to(shape, family))
        return steps.run(made)

    def serve(self) -> None:
        """Keep the calls of what is served."""
        for made in self.evaluator.served.found():
            self.keep_served(made)

    def keep_served(self, made: Made) -> None:
        team = self.evaluator.teams.team_of(made, [])
        turn = ((0, self.progress.round),)
        chains: dict[Made, Chain] = {}
        for speaker in team.speakers:
            family = self.program.catalogue.family_that_runs(speaker.kind)
            site = self.site_for(speaker, family, made.node.lineno)
            chains[speaker] = ((site.number, turn),)
        names = self.memory.names_of(made.module.path)
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
        told = self.told_as_one(team, chains)
        for speaker in team.speakers:
            heard = team.heard_by(speaker)
            outer = self.findings.sites[chains[speaker][0][0]]
            is_run = run is not None and chains[speaker] == chains[team.opened.first[0]]
            is_given = run is not None and run.number in self.findings.given_runs
            is_apart = run is not outer and not is_given
            sites = [outer, run] if is_run and run is not None and is_apart else [outer]
            if not is_run:
                given = inputs | self.keys_of(team, chains) | self.fed(speaker, team, chains)
                is_told = team.hears_task(speaker) and speaker.kind != CHAIN_MADE
                hears = tasks.get(speaker, ()) if is_told else ()
                if self.evaluator.teams.own_runs.site_of(speaker) is None:
                    self.describe(outer, told[speaker], given, hears)
                    self.trace(frame, outer, chains[speaker], team, chains)
                if run is not None and is_told and goes_on(team, speaker):
                    self.recall(frame, outer, chains[speaker], run.talk)
                self.repeat_with(outer, run)
            for site in sites:
                self.fill(site, speaker, team, chains)
                self.connect(site, team, speaker, heard, chains)
                self.called.follow_tools(frame, site, speaker, chains[speaker])
                self.called.follow_guards(frame, site, speaker, chains[speaker])
                self.save(speaker, chains[speaker])
        self.evaluator.mixed.keep(team, chains)

    def told_as_one(self, team: Team, chains: dict[Made, Chain]) -> dict[Made, Made]:
        """Each speaker with what is written of it: of several that a function makes in one place,
        what they have in common."""
        found: dict[Made, Made] = {}
        for speaker in team.speakers:
            alike = [one for one in team.speakers if chains[one] == chains[speaker]]
            found[speaker] = speaker if len(alike) == 1 else replace(speaker, box=common_box(alike))
        return found

    def told_alike(self, opening: tuple[Made, ...]) -> list[Made]:
        """The first of those that may speak first, and what a branch makes in its place that is
        told the same: `Task(…, tools=tools) if tools else Task(…)`."""
        first = opening[0]
        said = written_as(first, self.rule_of(first))
        return [
            one
            for one in opening
            if one == first
            or (
                one.module is first.module
                and are_alternatives(first.module.tree, first.node, one.node)
                and written_as(one, self.rule_of(one)) == said
            )
        ]

    def save(self, speaker: Made, chain: Chain) -> None:
        """Keep an answer that goes into a file."""
        path = text_in(speaker, self.rule_of(speaker).saves)
        self.evaluator.written.write(speaker.node, path, frozenset((Origin(chain),)))

    def keys_of(self, team: Team, chains: dict[Made, Chain]) -> dict[str, Value]:
        """What the speakers leave in the state of the run, by its keys."""
        found: dict[str, set[Origin]] = {}
        for speaker in team.speakers:
            rule = self.program.catalogue.kinds[speaker.kind]
            key = text_in(speaker, rule.writes) if rule.writes else ""
            if key:
                found.setdefault(key, set()).add(Origin(chains[speaker]))
        return {key: Value(origins=frozenset(origins)) for key, origins in found.items()}

    def rule_of(self, made: Made) -> KindRule:
        return self.program.catalogue.kinds[made.kind]

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
        own = written(made, self.rule_of(made), given)
        is_tasked = any(role == "user" for role, _ in own)
        site.prompt = site.opening = frozen(own if is_tasked else (*own, *task))
        holder = Value(box=Box("object", fields=offer_of(made)))
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
            for _, part in written(speaker, self.rule_of(speaker), {})
            for hole in holes_of(part)
            if isinstance(hole.source, str)
        }
        return {name: Value(origins=origins) for name in names} if len(names) == 1 else {}

    def repeat_with(self, site: Site, run: Site | None) -> None:
        """A call of a team runs as often as the call that runs the team, and beside as many."""
        if run is None:
            return
        site.fanout = site.fanout or (None if run.number in self.forked else run.fanout)
        above = [replace(run.loop, kind="caller")] if run.loop is not None else []
        turned = self.turned.get(run.number, [])
        above += [
            loop
            for loop in run.repeated_by
            if loop.kind == "caller" or (loop.kind == "cycle" and loop not in turned)
        ]
        site.repeated_by += [loop for loop in above if loop not in site.repeated_by]
        for start in run.starts:
            self.findings.reach_from(start, site)
        site.under |= run.under

    def turn(self, site: Site, loop: Loop) -> None:
        """Keep that a team repeats a call of its own."""
        if loop not in site.repeated_by:
            site.repeated_by.append(loop)
            self.turned.setdefault(site.number, []).append(loop)

    def trace(
        self, frame: Frame, site: Site, chain: Chain, team: Team, chains: dict[Made, Chain]
    ) -> None:
        """Keep which outputs from outside the team reach what an agent is told."""
        now = set(chains.values())
        edges: Edges = {}
        for _, part in site.opening:
            outside = (origin for origin in part.all_origins() if origin.chain not in now)
            self.evaluator.edges.record(frame, chain, frozenset(outside), edges)
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
            self.turn(site, Loop(kind="cycle", line=team.turning[speaker]))
            site.settled |= {hole.key for _, part in site.opening for hole in holes_of(part)}
        if speaker in team.beside and site.fanout is None:
            site.fanout = "fork"
            self.forked.add(site.number)
        is_named = fed_by(speaker, team, chains) is not None
        for other in heard:
            source = chains[other.speaker][0][0]
            if speaker.kind == CHAIN_MADE and is_told(site, chains[other.speaker], is_named):
                continue
            number = site.number if other.speaker == speaker else source
            carried: Carried = "loop" if number == site.number else other.carried
            name = label_of(other.speaker, self.findings.sites[source])
            self.hear(site, HeardAnswer(number, carried, other.role, name, other.again))

    def recall(self, frame: Frame, site: Site, chain: Chain, talk: Value) -> None:
        """Keep what an agent hears of what was said before in the conversation of a run."""
        edges = self.evaluator.edges
        for answer in told_before(self.findings, edges, frame, chain, talk):
            self.hear(site, answer)

    def hear(self, site: Site, answer: HeardAnswer) -> None:
        flow: Flow = "argument" if answer.role == "user" else "history"
        self.lead(site, answer.site, answer.carried, flow)
        if answer not in site.heard:
            site.heard = (*site.heard, answer)

    def fill(self, site: Site, speaker: Made, team: Team, chains: dict[Made, Chain]) -> None:
        """Keep whose answers fill the fields of a speaker's instructions."""
        place = {chains[made][0][0]: number for number, made in enumerate(team.speakers)}
        own = place[chains[speaker][0][0]]
        now = set(chains.values())
        for hole in (hole for _, part in site.opening for hole in holes_of(part)):
            for origin in hole.value.origins:
                source = origin.chain[0][0]
                if source not in place or origin.chain not in now:
                    continue
                carried: Carried = "data" if place[source] < own else "loop"
                if carried == "loop" and speaker not in team.turning:
                    continue
                site.fillings.setdefault(hole.key, {})[origin.chain] = source, carried
                self.lead(site, source, carried, "state")

    def lead(self, site: Site, source: int, carried: Carried, flow: Flow) -> None:
        site.edges[source, carried] = best_flow(site.edges.get((source, carried)), flow)


def given_to(shape: CallShape, family: Family) -> Value:
    """What a run is given to work on."""
    arguments = prompts.arguments_by_name(shape, family)
    return next((arguments[name] for name in family.prompt if name in arguments), UNKNOWN)


def written_as(made: Made, rule: KindRule) -> list[tuple[str, list[str]]]:
    """What is written of an agent, equal for those that are told the same."""
    return [
        (role, [source_text(piece) for piece in pieces_of(part)])
        for role, part in written(made, rule, {})
    ]


def source_text(piece: Piece) -> str:
    """A piece of a text as it is written."""
    if isinstance(piece, Static):
        return piece.text
    return piece.source if isinstance(piece.source, str) else ast.unparse(piece.source)


def signature_in(made: Made) -> dict[str, Value]:
    """The signature at hand that an agent is made from: its docstring is what it is told."""
    given = {name: made.box.fields.get(name, UNKNOWN) for name in ("0", "signature")}
    return {
        name: value
        for name, value in given.items()
        if any(isinstance(kind, Class) or kind == prompts.SIGNATURE for kind in value.types)
    }


def common_box(agents: list[Made]) -> Box:
    """What several agents were made with, where it is the same, and where it differs."""
    fields: dict[str, Value] = {}
    for one in agents:
        fields |= {
            name: join(fields.get(name), value, name) for name, value in one.box.fields.items()
        }
    return Box("object", fields=fields)


def fed_by(speaker: Made, team: Team, chains: dict[Made, Chain]) -> dict[str, Value] | None:
    """What the fields of a chain's prompt are filled with by the chains before it, by their names;
    None where the one before gives it a text, or where its prompt isn't at hand."""
    giver = team.given_by.get(speaker)
    if giver is None:
        return {}
    if speaker.box.fields.keys() == {FED}:
        return None
    fed = speaker.box.fields.get(FED, UNKNOWN)
    giver = ending(made_of(fed) if giver == speaker else giver)
    box = fed.box if giver is None else giver.box
    if box is None or (giver is not None and giver.kind != "langchain.parallel"):
        return None
    found: dict[str, Value] = {}
    for name, value in box.fields.items():
        asked = [*made_in(value)] or taken_on(value, box, team)
        last = [one for made in asked for one in team.parts.get(made, NOBODY).last]
        origins = frozenset(Origin(chains[one]) for one in last if one in chains)
        if origins:
            found[name] = Value(origins=origins)
    return found


def taken_on(value: Value, box: Box, team: Team) -> list[Made]:
    """Whose answer a dict takes on by `itemgetter("plan")`, of what the chains beside it are
    given."""
    source = value.source
    if not isinstance(source, ast.Call) or last_name(source.func) != GETTER:
        return []
    beside = [
        one for held in box.members() for made in made_in(held) for one in first_of(made, team)
    ]
    giver = ending(next((team.given_by[one] for one in beside if one in team.given_by), None))
    if giver is None or giver.kind != "langchain.parallel":
        return [giver] if giver is not None else []
    key = source.args[0] if source.args else None
    name = key.value if isinstance(key, ast.Constant) else None
    held = giver.box.fields.get(name, UNKNOWN) if isinstance(name, str) else UNKNOWN
    return [*made_in(held)] or taken_on(held, giver.box, team)


def first_of(made: Made, team: Team) -> tuple[Made, ...]:
    return team.parts.get(made, NOBODY).first


def is_told(site: Site, chain: Chain, is_named: bool) -> bool:
    """Whether a chain's prompt holds an answer in one of its fields, or only there if at all."""
    return is_named or any(chain in made for made in site.fillings.values())
