"""Teams of agents as frameworks run them: who may speak after whom, who asks whom as a tool, and
whose answers each one hears.

What a constructor of a framework made takes part in one of two ways: it asks a model itself, or it
only leads to its members. The catalogue says which, and how the members that it was given take
part.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import combinations, pairwise, product
from typing import NamedTuple

from charter_engine.contracts.graph import Carried
from charter_engine.parser.agent_graphs import AgentGraph, Node
from charter_engine.parser.arrangements import ARRANGED, goes_round
from charter_engine.parser.catalogue import Catalogue, KindRule
from charter_engine.parser.own_runs import OwnCourse
from charter_engine.parser.prompts import field_of
from charter_engine.parser.symbols import Module, dotted_name
from charter_engine.parser.syntax import are_alternatives, last_name, output_name
from charter_engine.parser.team_parts import NOBODY, Part, name_of, text_in, whole_of
from charter_engine.parser.values import (
    UNKNOWN,
    External,
    Function,
    Made,
    Value,
    in_order,
    made_in,
    members_in,
)

MembersOf = Callable[[Made, str], list[Made]]
"""What an agent or a team was given under the name of an argument."""

MadeLast = Callable[[Made], Made]
"""An agent or a team as its module made it last."""

CourseOf = Callable[[Made], OwnCourse | None]
"""In which order an object of the program's own runs agents; None where that isn't known."""

AsksByItself = Callable[[Made], bool]
"""Whether an agent of the program's own asks a model by its own methods."""

DRAWN = frozenset(("drawn", "linked", "told", "meshed"))
"""The ways in which members are nodes of a graph."""

RETURNED = "returned"
"""The way in which agents take part that functions return, of which one is given some."""

ANSWERING = ("task", "single_turn")
"""Modes of agents that answer the one above them, in place of going on with the conversation."""

UNLISTED = DRAWN | ARRANGED.keys()
"""The ways in which members may take part that no argument lists as such."""

TOLD = "told to all"
"""Under this name an agent of a team keeps what all of them are told first."""

MANAGER = "manager"
"""Under this name a task keeps the agent that does it in the place of its own."""

MOST_SPEAKERS = 40
"""Of a larger team, those that stand first are shown."""


class Heard(NamedTuple):
    """An answer that reaches a speaker's prompt: whose it is, whether in the same turn, in which
    role it is sent, and whether there is another one of it in every turn."""

    speaker: Made
    carried: Carried
    role: str = "assistant"
    again: bool = False


@dataclass(slots=True)
class Team:
    """The `speakers` that a run leads to, each of which asks a model, in the order in which they
    may come to speak.

    `after` are those that may go on with the conversation where one stops, `follows` those that are
    given its answer alone. `asks` are those that one asks as tools. `beside` run side by side;
    `turning` speak again and again, in the line where that is made so. `silent` are those whose
    answers only choose who speaks next, `only` the ones whose answers alone reach a speaker.
    `given_by` is the part whose answer one is given, `parts` tells of all that was made what it is
    of the whole. `later` holds pairs of which the second hears the first only in a later turn.
    `told` are those that are given what the run is given, wherever they stand. `unheard` holds
    pairs of which the second never hears the first, whatever ways lead there.
    """

    speakers: list[Made] = field(default_factory=list)
    opened: Part = NOBODY
    after: dict[Made, list[Made]] = field(default_factory=dict)
    follows: dict[Made, list[Made]] = field(default_factory=dict)
    asks: dict[Made, list[Part]] = field(default_factory=dict)
    beside: set[Made] = field(default_factory=set)
    turning: dict[Made, int] = field(default_factory=dict)
    silent: set[Made] = field(default_factory=set)
    only: dict[Made, list[Made]] = field(default_factory=dict)
    given_by: dict[Made, Made] = field(default_factory=dict)
    parts: dict[Made, Part] = field(default_factory=dict)
    later: set[tuple[Made, Made]] = field(default_factory=set)
    told: set[Made] = field(default_factory=set)
    unheard: set[tuple[Made, Made]] = field(default_factory=set)

    def reached_from(self, speaker: Made, *, is_given: bool = False) -> list[Made]:
        """Those that may go on with the conversation at some time after a speaker, nearest first;
        `is_given`: or that speak because they are given an answer."""
        found: list[Made] = []
        pending = [speaker]
        while pending:
            before = pending.pop(0)
            following = (*self.after.get(before, ()),)
            following += (*self.follows.get(before, ()),) if is_given else ()
            new = [one for one in dict.fromkeys(following) if one not in found]
            found += new
            pending += new
        return [one for one in found if (speaker, one) not in self.unheard]

    def heard_by(self, speaker: Made) -> list[Heard]:
        """The answers that reach a speaker's prompt, in the order in which they are made."""
        place = {made: number for number, made in enumerate(self.speakers)}
        reached = self.reached_from(speaker, is_given=True)
        found: list[Heard] = []
        for other in self.speakers:
            if other in self.silent or other not in self.only.get(speaker, (other,)):
                continue
            if speaker in self.reached_from(other) or speaker in self.follows.get(other, ()):
                again = other in reached
                is_before = place[other] < place[speaker] and (other, speaker) not in self.later
                is_later = again and not is_before
                found.append(Heard(other, "loop" if is_later else "data", again=again))
            elif other == speaker and other in self.asks:
                found.append(Heard(other, "loop", again=True))
            if any(speaker in part.first for part in self.asks.get(other, ())):
                found.append(Heard(other, "data", "user"))
            if any(other in part.last for part in self.asks.get(speaker, ())):
                found.append(Heard(other, "loop", "tool", again=True))
        return found

    def hears_task(self, speaker: Made) -> bool:
        """Whether what the run is given reaches a speaker: it opens the run, goes on with its
        conversation, or is told in any case."""
        opened = (*self.opened.first, *self.told)
        return speaker in opened or any(speaker in self.reached_from(one) for one in opened)


class TeamBuilder:
    """Puts a team together from what its constructors were given."""

    def __init__(
        self,
        catalogue: Catalogue,
        members_of: MembersOf,
        made_last: MadeLast,
        course_of: CourseOf,
        asks_by_itself: AsksByItself,
        asking: Collection[str] = (),
    ) -> None:
        self.catalogue = catalogue
        self.asking = asking
        self.course_of = course_of
        self.asks_by_itself = asks_by_itself
        self.members_of = members_of
        self.made_last = made_last
        self.team = Team()
        self.parts = self.team.parts
        self.hearing: dict[Made, set[str]] = {}

    def built(self, made: Made) -> Team:
        return self.finished(self.part(made))

    def talking(self, members: list[Made]) -> Team:
        """Members that answer each other, the first of them first; some may ask no model."""
        parts = [part for part in map(self.part, members) if part.first]
        whole = self.in_sequence(parts) if parts else NOBODY
        self.lead(whole.last, whole.first)
        self.repeat(members[0], parts)
        return self.finished(Part(whole.first, tuple(one for part in parts for one in part.last)))

    def finished(self, whole: Part) -> Team:
        team = self.team
        is_led = bool(self.asking) and not whole.first
        team.opened = whole if whole.first or is_led else Part(tuple(team.speakers[:1]), whole.last)
        team.speakers = in_turn(team)
        for speaker in team.speakers:
            if self.catalogue.kinds[speaker.kind].asks_in:
                team.only[speaker] = [one for one in team.speakers if one != speaker]
        for speaker, names in self.hearing.items():
            team.only[speaker] = [one for one in team.speakers if name_of(one) in names]
        for speaker in team.speakers:
            if speaker in team.reached_from(speaker, is_given=True):
                team.turning.setdefault(speaker, speaker.node.lineno)
        return team

    def part(self, made: Made) -> Part:
        """What an agent or a team is of the whole; of one that is met again, what is known of
        it."""
        known = self.parts.get(made)
        if known is not None:
            return known
        rule = self.catalogue.kinds[made.kind]
        leader = self.leader_of(made, rule)
        may_ask = self.asks_by_itself(made) if rule.asks_in else asks_itself(made, rule)
        asks = leader is None and may_ask
        self.parts[made] = Part((made,), (made,)) if asks else NOBODY
        if asks:
            if len(self.team.speakers) >= MOST_SPEAKERS:
                return self.parts[made]
            self.team.speakers.append(made)
            if rule.silent:
                self.team.silent.add(made)
        if leader is not None:
            self.parts[made] = self.part(leader)
        own = self.course_of(made) if rule.leads_in else None
        found = self.parts[made] = self.in_course(own) if own is not None else self.parts[made]
        for argument, way in rule.members.items() if own is None else ():
            members = self.given(made, argument)
            if members or way in UNLISTED:
                found = self.parts[made] = self.joined(made, found, members, way)
            if rule.rounds and argument == next(iter(rule.members)):
                self.go_round(made, members, rule.rounds)
        self.keep_heard(made, rule, found)
        return found

    def keep_heard(self, made: Made, rule: KindRule, whole: Part) -> None:
        """Keep whom an agent or a team hears in place of others, or besides them."""
        if rule.hears_from:
            self.hearing |= dict.fromkeys(whole.first, sources_in(made, rule.hears_from))
        if rule.hears and rule.hears in made.box.fields:
            self.team.only[made] = self.members_of(made, rule.hears)
        elif text_in(made, "include_contents") == "none":
            self.team.only[made] = []
        for other in self.members_of(made, rule.hears_also) if rule.hears_also else ():
            self.give(other, self.part(other), whole)
        if rule.tells_all in made.box.fields:
            self.tell_all(made, made.box.fields[rule.tells_all])

    def given(self, made: Made, argument: str) -> list[Made]:
        """The members that arguments hold: those of "a+b" together, of "a|b" the first that holds
        any."""
        found: list[Made] = []
        for alternative in argument.split("|"):
            for name in alternative.split("+") if not found else ():
                found += self.members_of(made, name)
        return found

    def leader_of(self, made: Made, rule: KindRule) -> Made | None:
        """The agent that asks in the place of the whole, where one is given for that."""
        given = self.members_of(made, rule.led_by) if rule.led_by else []
        return given[0] if given else None

    def go_round(self, made: Made, members: list[Made], rounds: str) -> None:
        """Let members speak in rounds, where the team was made so: the first after the last."""
        parts = [part for part in map(self.part, members) if part.first]
        if not parts or not goes_round(made, rounds):
            return
        together = all(one in self.team.beside for part in parts for one in part.first)
        opening, ending = (parts, parts) if together else (parts[:1], parts[-1:])
        if together:
            self.team.later |= set(product(whole_of(parts).last, whole_of(parts).first))
        self.lead(whole_of(ending).last, whole_of(opening).first)
        self.repeat(made, parts)

    def tell_all(self, made: Made, said: Value) -> None:
        """Keep what all of a team are told before what is written of them."""
        for one in self.team.speakers:
            if one != made:
                one.box.fields[TOLD] = said

    def joined(self, made: Made, before: Part, members: list[Made], way: str) -> Part:
        """A part with its members, by the way in which they take part."""
        if way in ("tool", "managed"):
            ask = self.called if way == "tool" else self.managed
            ask(self.leader_of(made, self.catalogue.kinds[made.kind]) or made, members)
            return before
        if way in ("chain", "otherwise"):
            chained = self.chained(members)
            return chained if way == "chain" else whole_of([before, chained])
        if way in UNLISTED or way in ("wired", "named", "declared"):
            return self.laid_out(made, members, way)
        if way == "handoff":
            self.called(made, [one for one in members if text_in(one, "mode") in ANSWERING])
            members = [one for one in members if text_in(one, "mode") not in ANSWERING]
        parts = [self.part(member) for member in members]
        parts = [part for part in parts if part.first]
        if not parts:
            return before
        return self.around(made, before, parts, way)

    def laid_out(self, made: Made, members: list[Made], way: str) -> Part:
        """Members of which it is told who follows whom."""
        if way in ARRANGED:
            return ARRANGED[way](self, made, members)
        if way in DRAWN:
            return self.drawn(made, way)
        return self.wired(made, members) if way == "wired" else self.by_name(made, members)

    def around(self, made: Made, own: Part, parts: list[Part], way: str) -> Part:
        """One that asks itself with its members, or these alone where it only leads to them."""
        if way in ("handoff", RETURNED):
            return self.handed_on(own, parts)
        if way == "either":
            return whole_of([own, *parts])
        if way in ("before", "needed"):
            whole = self.side_by_side(parts, made) if way == "before" else whole_of(parts)
            return self.fed(own, whole)
        if way == "watched":
            return self.watched(made, own, parts)
        if way == "chosen" and own.first:
            return self.chosen(made, own, parts)
        return self.following(own, self.arranged(made, parts, way))

    def arranged(self, made: Made, parts: list[Part], way: str) -> Part:
        """Parts that speak beside each other or one after the other, once or again and again."""
        if way == "parallel":
            return self.side_by_side(parts, made)
        whole = self.in_sequence(parts)
        for part in parts:
            if self.is_several(made, part):
                self.lead(part.last, part.first)
        if way == "sequence":
            return whole
        self.lead(whole.last, whole.first)
        self.repeat(made, parts)
        self.team.unheard.clear()
        if way == "loop":
            return whole
        return Part(whole.first, tuple(one for part in parts for one in part.last))

    def is_several(self, made: Made, part: Part) -> bool:
        """Whether a loop makes a member again and again, and the team once."""
        loop = part.first[0].loop
        return loop is not None and loop != made.loop and not self.is_beside(part)

    def called(self, made: Made, members: list[Made]) -> None:
        """Members that are asked as tools: each answers its caller, which goes on."""
        for member in members:
            part = self.part(member)
            if part.first and made not in part.first:
                self.team.asks.setdefault(made, []).append(part)
                self.team.turning.setdefault(made, made.node.lineno)
                for one in part.first:
                    for speaker in (one, *self.team.reached_from(one)):
                        self.team.turning.setdefault(speaker, made.node.lineno)

    def managed(self, made: Made, members: list[Made]) -> None:
        """Members whom the manager of a crew asks for each task: the one whose task it is, or
        any."""
        if not is_hierarchical(made):
            return
        for task in self.members_of(made, "tasks"):
            self.called(task, self.members_of(task, "agent") or members)
            task.box.fields[MANAGER] = made.box.fields.get("manager_agent", UNKNOWN)

    def handed_on(self, before: Part, parts: list[Part]) -> Part:
        """One that may hand the conversation on to each of the others, which may end it."""
        for part in parts:
            self.lead(before.last[:1], part.first)
        return Part(before.first, (*before.last, *(one for part in parts for one in part.last)))

    def chosen(self, made: Made, before: Part, parts: list[Part]) -> Part:
        """Any of the parts may speak after any other, as `made` chooses in between."""
        self.repeat(made, parts)
        self.lead(before.first, [one for part in parts for one in part.first])
        for part in parts:
            self.lead(part.last, before.first)
        self.team.turning.setdefault(made, made.node.lineno)
        return Part(before.first, tuple(one for part in parts for one in part.last))

    def side_by_side(self, parts: list[Part], made: Made | None = None) -> Part:
        """Parts that run beside each other, and members of `made` that one place makes several
        of."""
        firsts = [one for part in parts for one in part.first]
        several = [one for one in firsts if made is not None and one.loop != made.loop]
        self.team.beside.update(firsts if len(parts) > 1 else several)
        return whole_of(parts)

    def fed(self, own: Part, whole: Part) -> Part:
        """One that is given the answers of those that run before it."""
        self.give(own.first[0], whole, own)
        return Part(whole.first, own.last)

    def watched(self, made: Made, own: Part, parts: list[Part]) -> Part:
        """Those that look at what was said after every turn, and are heard by nobody: they choose
        who goes on, or whether it is done."""
        speaking = [*own.first, *own.last]
        for part in parts:
            self.lead(speaking, part.first)
            self.lead(part.last, speaking)
            self.team.silent.update(part.first)
        self.repeat(made, parts)
        return own

    def chained(self, members: list[Made]) -> Part:
        """Each is given the answer of the one before it alone."""
        parts = [(member, self.part(member)) for member in members]
        parts = [(member, part) for member, part in parts if part.first]
        for (giver, before), (_, after) in pairwise(parts):
            self.give(giver, before, after)
        return Part(parts[0][1].first, parts[-1][1].last) if parts else NOBODY

    def wired(self, made: Made, members: list[Made]) -> Part:
        """Components of a pipeline: each hears those whose answers reach it by connections through
        components that ask no model."""
        parts = [(member, self.part(member)) for member in members]
        asking = {
            name: part for name in made.box.fields for part in self.part_in(made, name, parts)
        }
        led_to: set[Made] = set()
        take_templates(made)
        for name, part in asking.items():
            for target in reached_by(connections_in(made), name, asking):
                self.team.follows.setdefault(part.first[0], []).extend(asking[target].first)
                led_to.update(asking[target].first)
        whole = whole_of(list(asking.values()))
        first = [one for one in whole.first if one not in led_to] or whole.first[:1]
        last = [one for one in whole.first if one not in self.team.follows] or whole.first[-1:]
        return Part(tuple(first), tuple(last))

    def drawn(self, made: Made, way: str) -> Part:
        """Members of a graph: each goes on after those that edges lead from, or where they are only
        `linked` or `told`, is given their answers. Several that always follow the same node run
        side by side."""
        graph = AgentGraph(made, is_meshed=way == "meshed")
        parts = {agent: self.part(self.made_last(agent)) for agent in graph.agents}
        self.team.told.update(whole_of([*parts.values()]).first if way == "told" else ())
        for node in graph.nodes:
            reached = graph.reached_from(node, self.asking)
            following = whole_of([parts[agent] for agent in reached]).first
            if isinstance(node, Made) and way not in ("linked", "told"):
                self.lead(parts[node].last, following)
            elif isinstance(node, Made):
                for one in parts[node].last:
                    self.team.follows.setdefault(one, []).extend(following)
            always = [parts[agent] for agent, is_always in reached.items() if is_always]
            self.side_by_side([part for part in always if part.first])
        starts = list(dict.fromkeys(graph.starts()))
        self.side_by_side([parts[start] for start in starts if isinstance(start, Made)])
        opening = [agent for start in starts for agent in self.opened_by(graph, start)]
        turning = [parts[agent] for agent in graph.agents if graph.leads_back(agent, agent)]
        self.repeat(made, turning)
        ending = [
            one for one in graph.agents if not any(graph.reached_from(one, self.asking).values())
        ]
        return Part(
            whole_of([parts[agent] for agent in dict.fromkeys(opening)]).first,
            whole_of([parts[agent] for agent in ending]).last,
        )

    def opened_by(self, graph: AgentGraph, start: Node) -> Collection[Made]:
        """The agents that a graph opens with which begins with a node; none where that asks a model
        by itself."""
        if isinstance(start, Made):
            return [start]
        is_asking = graph.executors.get(start) in self.asking
        return [] if is_asking else graph.reached_from(start, self.asking)

    def in_course(self, own: OwnCourse) -> Part:
        """Agents that a method of the program's own runs, as its branches and loops have it."""
        course = own.course
        parts = {run: self.part_of_run(own, run) for run in own.agents}
        self.keep_unheard(own, parts)
        for run, part in parts.items():
            following = (*course.after.get(run, ()), *course.again.get(run, ()))
            self.lead(part.last, [one for other in following for one in parts[other].first])
            self.team.silent.update(part.last if run in course.unheard else ())
        for run in course.loops:
            for one in (*parts[run].first, *parts[run].last):
                if one in self.team.reached_from(one):
                    self.team.turning.setdefault(one, course.loops[run])
        self.part_by_turns(own)
        return Part(
            whole_of([parts[run] for run in course.first]).first,
            whole_of([parts[run] for run in course.last]).last,
        )

    def part_of_run(self, own: OwnCourse, run: ast.Call) -> Part:
        """What one place runs: one agent after the other where a loop goes through them, or else
        any of them."""
        parts = [part for part in map(self.part, own.agents[run]) if part.first]
        return self.in_sequence(parts) if run in own.course.each and parts else whole_of(parts)

    def keep_unheard(self, own: OwnCourse, parts: dict[ast.Call, Part]) -> None:
        """Keep who never hears whom, though both are run: an agent that is run twice leads to what
        follows either place, and what comes before the later one does not reach what follows the
        earlier."""
        inside = {
            run: {one for first in part.first for one in (first, *self.team.reached_from(first))}
            for run, part in parts.items()
        }
        everyone = {one for members in inside.values() for one in members}
        heard = {(one, other) for one in everyone for other in self.team.reached_from(one)}
        for run in parts:
            for following in own.course.reached_from(run):
                heard |= {*product(inside[run], inside[following])}
        self.team.unheard |= {*product(everyone, everyone)} - heard

    def part_by_turns(self, own: OwnCourse) -> None:
        """Keep who comes after whom only in a later turn of a loop: of those of which one turn runs
        either, too."""
        in_turn = {
            (before, after)
            for run, agents in own.agents.items()
            for other in own.course.in_one_pass(run)
            for before in agents
            for after in own.agents[other]
        }
        for run in own.course.each:
            in_turn |= {*combinations(own.agents[run], 2)}
        everyone = dict.fromkeys(one for agents in own.agents.values() for one in agents)
        self.team.later |= {
            (one, other)
            for before, after in product(everyone, everyone)
            if before != after and (before, after) not in in_turn
            for one in self.part(before).last
            for other in self.part(after).first
        }

    def part_in(self, made: Made, name: str, parts: list[tuple[Made, Part]]) -> list[Part]:
        """What a component of that name is of the whole, if it asks a model."""
        own = set(made_in(made.box.fields[name]))
        return [part for member, part in parts if member in own and part.first][:1]

    def give(self, giver: Made, before: Part, after: Part) -> None:
        for one in before.last:
            self.team.follows.setdefault(one, []).extend(after.first)
        for one in after.first:
            self.team.given_by[one] = giver

    def in_sequence(self, parts: list[Part]) -> Part:
        """One after the other; those that run beside others are waited for together."""
        steps = self.steps_of(parts)
        for before, after in pairwise(steps):
            self.lead(before.last, after.first)
        return Part(steps[0].first, steps[-1].last)

    def steps_of(self, parts: list[Part]) -> list[Part]:
        """Parts by when they speak: those that run side by side, and those of which only one is
        there, together."""
        steps: list[list[Part]] = []
        for part in parts:
            if steps and all(self.is_in_step(part, other) for other in steps[-1]):
                steps[-1].append(part)
            else:
                steps.append([part])
        return [
            self.side_by_side(step) if self.is_beside(step[0]) else whole_of(step) for step in steps
        ]

    def is_in_step(self, part: Part, other: Part) -> bool:
        made, before = part.first[0], other.first[0]
        if self.is_beside(part) and self.is_beside(other):
            return True
        is_near = made.module is before.module
        return is_near and are_alternatives(made.module.tree, made.node, before.node)

    def is_beside(self, part: Part) -> bool:
        """Whether a part was made to run beside those that follow."""
        made = part.first[0]
        rule = self.catalogue.kinds[made.kind]
        given = made.box.fields.get(rule.beside) if rule.beside else None
        return given is not None and given.constant == (True,)

    def following(self, before: Part, part: Part) -> Part:
        """A part behind what speaks before it, where something does."""
        if not before.first:
            return part
        self.lead(before.last, part.first)
        return Part(before.first, part.last)

    def by_name(self, made: Made, members: list[Made]) -> Part:
        """Members that name those they may hand the conversation on to; of a kind of which nothing
        is named, to all others. The first begins, or the one that the team is given to open."""
        parts = {member: self.part(member) for member in members}
        names = {name_of(member): member for member in members}
        opens = self.catalogue.kinds[made.kind].opens
        named = names.get(text_in(made, opens))
        given = [named] if named is not None else self.members_of(made, opens)
        begins = next((one for one in given if one in parts), members[0])
        for member in members:
            for other in self.next_to(member, members, names):
                if other != member:
                    self.lead(parts[member].last, parts[other].first)
        return Part(parts[begins].first, tuple(one for part in parts.values() for one in part.last))

    def next_to(self, member: Made, members: list[Made], names: dict[str, Made]) -> list[Made]:
        """Those among the members that one may hand the conversation on to."""
        given = self.named_in(member, self.catalogue.kinds[member.kind])
        if given is None:
            return members
        kept = {output_name(one.module.parents, one.node): one for one in members}
        wanted = (*given, *declared_by(member))
        found = (kept.get(name) or names.get(name) for name in wanted)
        return [one for one in found if one is not None]

    def named_in(self, made: Made, rule: KindRule) -> list[str] | None:
        """The names of those that an agent may hand on to; None: all."""
        fields = made.box.fields
        given = [fields[name] for name in rule.names.split("+") if name in fields]
        if not given:
            return None if rule.names_all else []
        members = [member for value in given for member in members_in(value)]
        return [text for member in members if (text := target_of(member))]

    def lead(self, sources: Iterable[Made], targets: Iterable[Made]) -> None:
        targets = tuple(targets)
        for source in sources:
            known = self.team.after.setdefault(source, [])
            known += [target for target in targets if target not in known]

    def repeat(self, made: Made, parts: list[Part]) -> None:
        """Parts that speak again and again, as the framework's own loop in `made` has it."""
        for part in parts:
            for one in (*part.first, *part.last):
                self.team.turning.setdefault(one, made.node.lineno)


def is_hierarchical(made: Made) -> bool:
    """Whether a crew has a manager: `process=Process.hierarchical`."""
    process = made.box.fields.get("process", UNKNOWN)
    named = [kind.dotted for kind in process.types if isinstance(kind, External)]
    return any(name.endswith(".hierarchical") for name in named) or (
        process.static_text() == "hierarchical"
    )


def connections_in(made: Made) -> list[tuple[str, str]]:
    """The connections of a pipeline's components, by their names."""
    kept = made.box.fields.get("connected")
    boxes = [item.value.box for item in kept.box.items] if kept is not None and kept.box else []
    pairs = [[end.value.static_text() or "" for end in box.items] for box in boxes if box]
    return [(ends[0], ends[1]) for ends in pairs if len(ends) > 1]


def take_templates(made: Made) -> None:
    """Let generators of a pipeline have the template of the builder that is connected to them."""
    fields = made.box.fields
    for source, target in connections_in(made):
        builder = fields[source].box if source in fields else None
        given = builder.fields if builder is not None else {}
        template = given.get("template", given.get("0"))
        for one in made_in(fields[target]) if target in fields else ():
            if template is not None:
                one.box.fields.setdefault("template", template)


def reached_by(connections: list[tuple[str, str]], start: str, ends: Collection[str]) -> list[str]:
    """Those among `ends` that connections lead to from a component, nearest first."""
    found: list[str] = []
    seen: set[str] = set()
    pending = [target for source, target in connections if source == start]
    while pending:
        name = pending.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in ends:
            found.append(name)
        else:
            pending += [target for source, target in connections if source == name]
    return found


def in_turn(team: Team) -> list[Made]:
    """The speakers in the order in which they may come to speak first: those that open, then those
    that follow them or are asked by them."""
    found: list[Made] = []
    pending = [*team.opened.first]
    while pending:
        speaker = pending.pop(0)
        if speaker in found:
            continue
        found.append(speaker)
        asked = [one for part in team.asks.get(speaker, ()) for one in part.first]
        pending = [*asked, *pending, *team.after.get(speaker, ()), *team.follows.get(speaker, ())]
    return found + [speaker for speaker in team.speakers if speaker not in found]


def asks_itself(made: Made, rule: KindRule) -> bool:
    """Whether what was made asks a model, with what it was given."""
    config = made.box.fields.get("llm_config")
    if rule.part != "asks" or (config is not None and config.constant == (False,)):
        return False
    if rule.asks_with:
        given = [made.box.fields[name] for name in rule.asks_with if name in made.box.fields]
        return any(value.constant not in ((False,), (None,)) for value in given)
    chooses = field_of(made.box.fields, rule.chooses) if rule.chooses else None
    if chooses is None:
        return True
    is_function = any(isinstance(kind, Function) for kind in chooses.types)
    return not is_function and chooses.static_text() in ("auto", None)


def sources_in(made: Made, argument: str) -> set[str]:
    """The names of those that an agent hears, of what holds the source of each."""
    held = field_of(made.box.fields, argument)
    boxes = [member.box for member in members_in(held)] if held is not None else []
    named = [box.fields.get("source", UNKNOWN).static_text() for box in boxes if box is not None]
    return {name for name in named if name is not None}


def declared_by(made: Made) -> list[str]:
    """The names of those that calls elsewhere in the file let an agent hand on to, in AG2:
    `agent.handoffs.add_llm_conditions([… AgentTarget(other) …])`, functions of the agent that
    return such a target, and `register_hand_off(agent, …)`."""
    own = output_name(made.module.parents, made.node)
    found: list[str] = []
    for call in made.module.calls:
        path = dotted_name(call.func)
        names_it = [word.value.id for word in call.keywords if isinstance(word.value, ast.Name)]
        names_it += [arg.id for arg in call.args[:1] if isinstance(arg, ast.Name)]
        is_handing = path.startswith(f"{own}.handoffs.")
        is_handing |= f".{path}".endswith(f".{own}.register_hand_off")
        if is_handing or (path.endswith("register_hand_off") and own in names_it):
            found += targets_in(call)
            found += targets_of_functions(call, made.module)
    functions = made.box.fields.get("functions")
    for value in members_in(functions) if functions is not None else ():
        for kind in in_order(value.types):
            if isinstance(kind, Function):
                found += targets_in(kind.definition.node)
    return list(dict.fromkeys(found))


def targets_of_functions(call: ast.Call, module: Module) -> list[str]:
    """The agents that the function of a `FunctionTarget(choose)` names."""
    named = {
        argument.id
        for one in ast.walk(call)
        if isinstance(one, ast.Call) and last_name(one.func) == "FunctionTarget"
        for argument in (*one.args, *(word.value for word in one.keywords))
        if isinstance(argument, ast.Name)
    }
    functions = [one for one in module.functions.values() if one.name in named]
    return [target for one in functions for target in targets_in(one.node)]


def targets_in(node: ast.AST) -> list[str]:
    """The agents that are named as targets."""
    arguments = [
        argument
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and last_name(call.func) in TARGETS
        for argument in (*call.args, *(word.value for word in call.keywords))
    ]
    arguments += [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
    names = [argument.id for argument in arguments if isinstance(argument, ast.Name)]
    texts = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
    return names + [text for text in texts if isinstance(text, str)]


TARGETS = frozenset(
    "AgentTarget AgentNameTarget OnCondition OnContextCondition ON_CONDITION AfterWork AFTER_WORK "
    "SwarmResult".split()
)
"""What names the agent that another hands on to."""


def target_of(value: Value) -> str:
    """The name of the agent that a hand-off leads to: a text, or an object with a target."""
    if value.box is None:
        return value.static_text() or ""
    names = ("target", "agent_name", "0")
    target = next((value.box.fields[name] for name in names if name in value.box.fields), None)
    return (target.static_text() or "") if target is not None else ""
