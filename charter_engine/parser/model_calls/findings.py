"""What an analysis finds: LLM calls as sites, and the functions that are wrappers of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from charter_engine.contracts.graph import Carried, Flow, Loop
from charter_engine.parser.branches.alternatives import OutputLog
from charter_engine.parser.model_calls.recognise import Recognition
from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.values.origins import Chain, Origin, Origins
from charter_engine.parser.values.values import UNKNOWN, Piece, Value

Message = tuple[str, Value]
"""A part of a prompt: the role it is sent in (empty: unknown) and its text."""


class Offer(NamedTuple):
    """One definition of a tool or an answer's schema: its text, or a hole where it isn't known.
    `made`: from a function or a class, so that an SDK may word it otherwise."""

    piece: Piece
    made: bool = False


Place = tuple[int, int, str]
"""A hole's place in the source."""

Fillings = dict[Place, dict[Chain, tuple[int, Carried]]]
"""By a hole's place: the outputs that fill it, each with its call, in the same turn
or a later one."""


class HeardAnswer(NamedTuple):
    """An answer of one of a team that reaches another's prompt, by the number of its call and a
    name; `again`: there is another one of it in every turn."""

    site: int
    carried: Carried
    role: str
    name: str
    again: bool


@dataclass(slots=True, eq=False)
class Site:
    """One LLM call in the source, and what was learned of it each time it was reached.

    `starts` names the functions interpreted on their own that lead to it, `under` are all those on
    the way. `opening` is the prompt of the first turn, `prompt` that of a later one;
    `is_alone`: as its function sees them on its own.
    `settled` are the holes of messages that were there before the turns began.
    `turning` is what makes the turns: the loop around it, or its function. `sent` is what a call of
    a wrapper comes to, first and in a later turn, by the client's call that it leads to. `given` is
    what a wrapper is called with, by its parameters; `head` is what the request offers the model.
    `heard` are the answers of a team that reach the prompt. `thread` is the conversation that it
    names, where that stands in the source. `talk` is what was said before in a conversation that
    is kept for it. `called` is the wrapper that a call is one of. `retries`: the loops around it
    in its function end unless something fails. `turns` are those of loops that lead to it first,
    where a loop's turns are told from each other, by the loop's number.
    """

    number: int
    node: ast.expr
    module: Module
    function: FunctionDefinition | None
    family: str
    kind: str
    why: tuple[str, ...]
    starts: set[str] = field(default_factory=set)
    under: set[FunctionDefinition] = field(default_factory=set)
    loop: Loop | None = None
    turning: ast.AST | None = None
    retries: bool = False
    condition: str | None = None
    fanout: str | None = None
    output: str | None = None
    opening: tuple[Message, ...] = ()
    prompt: tuple[Message, ...] = ()
    is_alone: bool = False
    parameters: dict[str, str | int | float | bool] = field(default_factory=dict)
    sent: dict[int, tuple[tuple[Message, ...], tuple[Message, ...]]] = field(default_factory=dict)
    given: dict[str, Value] = field(default_factory=dict)
    head: tuple[Offer, ...] = ()
    via: list[int] = field(default_factory=list)
    repeated_by: list[Loop] = field(default_factory=list)
    edges: dict[tuple[int, Carried], Flow] = field(default_factory=dict)
    fillings: Fillings = field(default_factory=dict)
    settled: set[Place] = field(default_factory=set)
    heard: tuple[HeardAnswer, ...] = ()
    thread: str = ""
    talk: Value = UNKNOWN
    called: FunctionDefinition | None = None
    turns: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Visit:
    """A site reached while a function was interpreted on its own: what decides whether it is a
    wrapper.

    `repeated`: in a loop that isn't a retry; `spread`: all at once. `keeps_conversation`: the
    function sends an attribute of its object. `own_prompt`: the instructions stand in what is
    called. `opens`: another function sends the conversation that this one has begun in its object.
    `conditional`: a branch decides whether it is reached. `runs_given`: it runs agents
    that the function is given. `within` are the functions that were entered on the way.
    """

    site: int
    prompt: tuple[Message, ...]
    repeated: bool = False
    spread: bool = False
    keeps_conversation: bool = False
    own_prompt: bool = False
    opens: bool = False
    conditional: bool = False
    runs_given: bool = False
    within: frozenset[FunctionDefinition] = frozenset()


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A function that asks a model and returns its answer: the sites its calls lead to, the one
    that tells its family first, and which of its parameters are the prompt. `askers` are those by
    which it is given the function that asks."""

    sites: tuple[int, ...]
    parameters: frozenset[str]
    askers: frozenset[str] = frozenset()

    @property
    def site(self) -> int:
        return self.sites[0]


class UnseenMembers(NamedTuple):
    """A run of a team whose members are not at hand: where it is, and how they are written."""

    path: str
    line: int
    written: str


@dataclass(slots=True)
class Findings:
    """The sites and wrappers found so far.

    `parameters` numbers the parameters of functions interpreted on their own: they appear as
    origins with negative site numbers, so that what a prompt takes from its function's caller can
    be seen. `called_wrappers` are those that the sources call themselves. `posts` are the requests
    that some caller's address or body proved to ask for a completion, `asked_addresses` where to
    these were sent. `visits` are the sites
    reached from the function that is judged, None where none is. `reached` counts every time a site
    was. `asked_elsewhere` are functions whose calls in other modules speak of asking a model, with
    the sites that answered there; `opaque` such calls that lead to none that is known, `led_on`
    the functions by which such calls lead to one; `unsettled` are functions with such calls that
    were not followed to their end. `are_judged`: all wrappers are known. `given_runs` are the sites
    that run what their functions are given, `unseen` are runs of teams that are not at hand,
    `graph_loops` the loops in which each state graph is run, `outputs` what was made since the last
    start, `turning` the handlers that messages come back to.
    `guessed` are the sites that evidence alone spoke for before all modules had been run, and
    nothing since; `disproved` calls, by the identity of their nodes, whose receiver is known to be
    something else, `leading` those that were followed to a model. `reached_from` are the sites by
    the functions in their `starts`, `taken` those whose answers a routine takes out of queues;
    `handed_out` are calls, by the identity of their nodes, that give what others were answered,
    `of_others` those that ask a model for something other than text, `of_texts` those that name
    one that tells texts.
    """

    sites: dict[int, Site] = field(default_factory=dict)
    site_numbers: dict[int, int] = field(default_factory=dict)
    wrappers: dict[FunctionDefinition, Wrapper] = field(default_factory=dict)
    called_wrappers: set[FunctionDefinition] = field(default_factory=set)
    posts: dict[int, Recognition] = field(default_factory=dict)
    asked_addresses: dict[int, set[str]] = field(default_factory=dict)
    parameters: dict[FunctionDefinition, dict[str, int]] = field(default_factory=dict)
    parameter_numbers: Iterator[int] = field(default_factory=lambda: count(-1, -1))
    visits: list[Visit] | None = None
    reached: int = 0
    asked_elsewhere: dict[FunctionDefinition, set[int]] = field(default_factory=dict)
    opaque: dict[int, set[FunctionDefinition]] = field(default_factory=dict)
    led_on: dict[int, set[FunctionDefinition]] = field(default_factory=dict)
    unsettled: set[FunctionDefinition] = field(default_factory=set)
    are_judged: bool = False
    given_runs: set[int] = field(default_factory=set)
    unseen: set[UnseenMembers] = field(default_factory=set)
    graph_loops: dict[str, list[Loop]] = field(default_factory=dict)
    outputs: OutputLog = field(default_factory=OutputLog)
    turning: set[FunctionDefinition] = field(default_factory=set)
    guessed: set[int] = field(default_factory=set)
    disproved: set[int] = field(default_factory=set)
    leading: set[int] = field(default_factory=set)
    reached_from: dict[str, set[int]] = field(default_factory=dict)
    handed_out: set[int] = field(default_factory=set)
    of_others: set[int] = field(default_factory=set)
    of_texts: set[int] = field(default_factory=set)
    taken: dict[FunctionDefinition, set[int]] = field(default_factory=dict)

    def reach_from(self, start: str, site: Site) -> None:
        """Note that a function interpreted on its own leads to a site."""
        site.starts.add(start)
        self.reached_from.setdefault(start, set()).add(site.number)

    def take_back(self) -> None:
        """Drop the guesses that turned out to be no calls, and what was only asked for something
        other than text once its model was known, where nothing at hand leads from them."""
        sites = self.sites.values()
        used = {source for site in sites for source, _ in site.edges}
        used |= {number for site in sites for number in site.via}
        used |= {answer.site for site in sites for answer in site.heard}
        fillings = (filled for site in sites for filled in site.fillings.values())
        used |= {number for filled in fillings for number, _ in filled.values()}
        no_texts = self.of_others - self.of_texts
        others = {number for number, site in self.sites.items() if id(site.node) in no_texts}
        for number in (self.guessed | others) - used:
            if number in others or id(self.sites[number].node) in self.disproved:
                del self.sites[number]

    def hides_asking(self, node: ast.Call, function: FunctionDefinition) -> bool:
        """Whether a call of a function that speaks of asking a model leads to none that is known,
        and none of another one there does; open until all wrappers are known."""
        hidden = self.opaque.get(id(node), set())
        led_on = self.led_on.get(id(node), set())
        is_one_of_several = bool(led_on) and len(hidden | led_on | {function}) > 1
        return self.are_judged and bool(hidden) and not is_one_of_several

    def parameter_origin(self, function: FunctionDefinition, name: str) -> Origins:
        numbers = self.parameters.setdefault(function, {})
        number = (
            numbers[name]
            if name in numbers
            else numbers.setdefault(name, next(self.parameter_numbers))
        )
        return frozenset((Origin(((number, ()),)),))
