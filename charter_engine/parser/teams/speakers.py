"""Who speaks in a run of agents, after whom, who asks whom as a tool, and whose answers each one
hears."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from charter_engine.contracts.graph import Carried
from charter_engine.parser.teams.team_parts import NOBODY, Part
from charter_engine.parser.values.values import Made


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
