"""Who takes part in a run: the teams of agents that the sources put together.

An agent is known by the place where it is made. Its members are what its constructor was given, or
what a framework fills in of a class's methods.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from charter_engine.parser.agents.agent_chats import CHATS, AgentChats, chats_in, talks_once
from charter_engine.parser.agents.agent_functions import AgentFunctions
from charter_engine.parser.graphs.frameworks import called_by
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.catalogue import Family
from charter_engine.parser.model_calls.recognise import CallShape, Recognition
from charter_engine.parser.model_calls.recording import holder_of
from charter_engine.parser.prompts import prompts
from charter_engine.parser.teams.ag2 import SWARM, swarm_in
from charter_engine.parser.teams.agent_graphs import AgentGraph
from charter_engine.parser.teams.drawn_teams import is_drawn
from charter_engine.parser.teams.own_runs import OwnRuns
from charter_engine.parser.teams.speakers import Team
from charter_engine.parser.teams.team_parts import text_in
from charter_engine.parser.teams.teams import RETURNED, TeamBuilder, asks_itself
from charter_engine.parser.teams.unseen_teams import UnseenTeams
from charter_engine.parser.values.candidates import made_as, made_in, members_in
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Function,
    Instance,
    Made,
    Value,
    object_of,
)
from charter_engine.parser.workflows.executors import handling_of
from charter_engine.parser.workflows.workflow_steps import WORKFLOW, has_functions

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

DECLARED = {"tasks": "task", "agents": "agent"}
"""The lists that CrewAI's `CrewBase` fills, by the decorators of the methods that make their
members."""


MOST_TEAMS = 8
"""Assumed: so many teams of which a call runs one."""


class TeamFinder:
    """Finds the team that a call runs.

    `led` are the workflows that begin with code of the program's own, `ran` is what calls were seen
    to run.
    """

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.evaluator = evaluator
        self.led: dict[Made, None] = {}
        self.ran: set[Made] = set()
        self.own_runs = OwnRuns(analysis, evaluator)
        self.functions = AgentFunctions(analysis.program)
        self.chats = AgentChats(analysis.program.catalogue)
        self.unseen = UnseenTeams(analysis, evaluator)

    def run_by(
        self, frame: Frame, asked: Value, shape: CallShape, found: Recognition
    ) -> list[Team]:
        """The team that a call runs, or those of which it runs one; none where it runs an agent
        that is found without, or where it isn't known who takes part."""
        made = self.put_together(frame, shape, found.family)
        run = chats_in(shape) or swarm_in(shape) or made or self.run_of(asked, shape, found.family)
        run = run or self.made_to_run(frame, shape, found.family)
        self.ran.update(run)
        if any(map(self.is_one_of_several, run)):
            return []
        if len(run) > 1:
            teams = [self.team_of(one, []) for one in run[:MOST_TEAMS]]
            leading = [team for team in teams if len(team.speakers) > 1]
            return [team for team in teams if team.speakers] if leading else []
        team = self.team_run(frame, run[0], asked, shape, found) if run else None
        return [team] if team is not None else []

    def team_run(
        self, frame: Frame, run: Made, asked: Value, shape: CallShape, found: Recognition
    ) -> Team | None:
        """The team that a call runs; None where it is an agent that is found without."""
        self.unseen.note(frame, self.evaluator.agents.made_last(run), shape)
        talking = made_as(asked)
        is_once = talks_once(shape) or run.kind in (CHATS, SWARM) or found.family.only_known
        team = self.team_of(run, [] if is_once else talking)
        if not team.speakers:
            self.unseen.note_in_courses(frame, team, shape)
        led_to = [
            *self.functions.tools_of(run),
            *self.functions.outputs_of(run),
            *self.functions.guards_of(run),
            *self.functions.input_guards_of(run),
        ]
        is_plain = team.speakers == [run] and not team.turning and not led_to
        holder = holder_of(asked, shape)
        is_derived = any(isinstance(kind, Instance) for kind in holder.types)
        is_held = run in holder.types and holder.box is not None and not is_derived
        is_found = is_plain and is_held and self.is_told_so(run)
        return team if team.speakers and not is_found else None

    def is_one_of_several(self, made: Made) -> bool:
        """Whether what is run leads to one agent and it isn't known which: of a dict, perhaps."""
        rule = self.program.catalogue.kinds[made.kind]
        given = [made.box.fields[name] for name in rule.members if name in made.box.fields]
        choices = [made_as(value) for value in given]
        return rule.part == "leads" and any(len(agents) > 1 for agents in choices)

    def is_told_so(self, made: Made) -> bool:
        """Whether what is written of an agent stands under names that any model is told by."""
        rule = self.program.catalogue.kinds[made.kind]
        said = [name for name in rule.says if prompts.field_of(made.box.fields, name) is not None]
        return all(name in prompts.KEPT_FOR_SYSTEM for name in said)

    def asks_nobody(self, receiver: Value, shape: CallShape, family: Family) -> bool:
        """Whether what is run leads to members of which none asks a model, as a pipeline may, or
        must be known to ask one, or be given a prompt, and isn't."""
        if family.only_known and not self.run_of(receiver, shape, family):
            return True
        if family.only_prompted and not prompts.prompt_of(shape, family):
            return True
        made = made_as(receiver)
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
        if not self.program.linked or not is_drawn(self.program.catalogue.kinds[made.kind]):
            return False
        team = self.team_of(made, [])
        is_led = bool(team.speakers) and not team.opened.first
        if is_led:
            self.led.setdefault(self.evaluator.agents.made_last(made))
        return is_led

    def runs_own_code(self, made: Made) -> bool:
        """Whether what is run leads to a graph of the program's own functions and objects, and
        nothing else: these ask by themselves."""
        rule = self.program.catalogue.kinds[made.kind]
        if is_drawn(rule):
            return AgentGraph(made).asks_nobody()
        is_leading = rule.part == "leads"
        names = [name for names in rule.members for name in names.split("+") if is_leading]
        members = [one for name in names for one in self.members_of(made, name)]
        given = [made.box.fields.get(name, UNKNOWN) for name in names]
        own = [one for value in given for one in members_in(value) if is_executor(one)]
        return bool(members or own) and all(map(self.runs_own_code, members))

    def put_together(self, frame: Frame, shape: CallShape, family: Family) -> list[Made]:
        """The team that a function makes of what it is given, and runs."""
        if not family.makes:
            return []
        box = Box("object", fields=prompts.arguments_by_name(shape, family))
        return [Made(family.makes, shape.node, frame.module, frame.function, box)]

    def made_to_run(self, frame: Frame, shape: CallShape, family: Family) -> list[Made]:
        """What a function makes that a call is given to run."""
        if not family.runs:
            return []
        given = prompts.arguments_by_name(shape, family).get(family.runs, UNKNOWN)
        return [*made_in(self.evaluator.agents.by_functions.made_later(frame, given))]

    def run_of(self, asked: Value, shape: CallShape, family: Family) -> list[Made]:
        """What a call is given to run, or else what is called: several where that isn't known."""
        is_given = family.runs or family.names
        arguments = prompts.arguments_by_name(shape, family) if is_given else {}
        found = made_as(arguments.get(family.runs, UNKNOWN))
        name = arguments.get(family.names, UNKNOWN).static_text() if family.names else None
        if not found and name is not None:
            fields = asked.box.fields.values() if asked.box is not None else ()
            held = [made for value in fields for made in made_in(value)]
            found = [made for made in held if text_in(made, family.names) == name]
        if family.only_known:
            return [made for made in found if self.may_ask(made)]
        return found or made_as(asked)

    def may_ask(self, made: Made) -> bool:
        """Whether what was made leads to others, or asks a model itself."""
        rule = self.program.catalogue.kinds[made.kind]
        return rule.part == "leads" or asks_itself(made, rule)

    def team_of(self, run: Made, talking: list[Made]) -> Team:
        """The team that an agent leads, or the two agents of which one is `talking` to the
        other."""
        run = self.evaluator.agents.made_last(run)
        team = self.builder().built(run)
        others = [made for made in talking if made != run]
        if not others or any(speaker != run for speaker in team.speakers):
            return team
        return self.builder().talking([run, *others[:1]])

    def builder(self) -> TeamBuilder:
        return TeamBuilder(
            self.program.catalogue,
            self.members_of,
            self.evaluator.agents.made_last,
            self.own_runs.of,
            lambda made: self.own_runs.site_of(made) is not None,
            self.evaluator.mixed.asking(),
        )

    def members_of(self, made: Made, argument: str) -> list[Made]:
        """What an agent or a team was given under the name of an argument."""
        return [self.evaluator.agents.made_last(member) for member in self.given_to(made, argument)]

    def given_to(self, made: Made, argument: str) -> list[Made]:
        fields = made.box.fields
        if argument.startswith("*"):
            given = [v for name, v in fields.items() if argument == "**" or name.isdigit()]
            return list(dict.fromkeys(one for value in given for one in made_in(value)))
        value = prompts.field_of(fields, argument)
        if value is None:
            return []
        if self.program.catalogue.kinds[made.kind].members.get(argument) == RETURNED:
            return self.evaluator.agents.by_functions.returned(made, value)
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
        bound = object_of(owner)
        found: list[Made] = []
        for method in owner.methods.values():
            if decorator in called_by(method):
                result = self.evaluator.follower.enter(frame, Function(method, bound), {})
                found += made_in(result) if result is not None else ()
        return found


def is_executor(value: Value) -> bool:
    """Whether something is an object of the program's own that handles a workflow's messages."""
    owners = [kind.definition for kind in value.types if isinstance(kind, Instance)]
    return any(handling_of(method) for owner in owners for method in owner.methods.values())
