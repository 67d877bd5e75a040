"""Teams of agents as frameworks run them: how their members take part.

What a constructor of a framework made takes part in one of two ways: it asks a model itself, or it
only leads to its members. The catalogue says which, and how the members that it was given take
part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import pairwise, product

from charter_engine.parser.agents.hand_offs import by_name
from charter_engine.parser.model_calls.catalogue import Catalogue, KindRule
from charter_engine.parser.prompts.prompts import field_of
from charter_engine.parser.teams.arrangements import ARRANGED, goes_round
from charter_engine.parser.teams.drawn_teams import DRAWN, drawn
from charter_engine.parser.teams.own_courses import in_course
from charter_engine.parser.teams.own_runs import OwnCourse
from charter_engine.parser.teams.speakers import Team, in_turn
from charter_engine.parser.teams.steps import is_beside, steps_of
from charter_engine.parser.teams.team_parts import NOBODY, Part, name_of, text_in, whole_of
from charter_engine.parser.values.candidates import members_in
from charter_engine.parser.values.values import UNKNOWN, External, Function, Made, Value
from charter_engine.parser.workflows.pipelines import wired

MembersOf = Callable[[Made, str], list[Made]]
"""What an agent or a team was given under the name of an argument."""

MadeLast = Callable[[Made], Made]
"""An agent or a team as its module made it last."""

CourseOf = Callable[[Made], OwnCourse | None]
"""In which order an object of the program's own runs agents; None where that isn't known."""

AsksByItself = Callable[[Made], bool]
"""Whether an agent of the program's own asks a model by its own methods."""

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
        found = self.parts[made] = in_course(self, own) if own is not None else self.parts[made]
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
        if way in UNLISTED or way in ("wired", "named"):
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
            return drawn(self, made, way)
        return wired(self, made, members) if way == "wired" else by_name(self, made, members)

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
        return loop is not None and loop != made.loop and not is_beside(self, part)

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

    def give(self, giver: Made, before: Part, after: Part) -> None:
        for one in before.last:
            self.team.follows.setdefault(one, []).extend(after.first)
        for one in after.first:
            self.team.given_by[one] = giver

    def in_sequence(self, parts: list[Part]) -> Part:
        """One after the other; those that run beside others are waited for together."""
        steps = steps_of(self, parts)
        for before, after in pairwise(steps):
            self.lead(before.last, after.first)
        return Part(steps[0].first, steps[-1].last)

    def following(self, before: Part, part: Part) -> Part:
        """A part behind what speaks before it, where something does."""
        if not before.first:
            return part
        self.lead(before.last, part.first)
        return Part(before.first, part.last)

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
