"""What functions find when others call them: what their object holds then, and the lists that other
objects and modules hold.

A function that others at hand call is interpreted on its own as well. It then begins with what they
had left when they called it first, or, for a later turn, last; what it leaves counts only where it
is called.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from charter_engine.parser.branches.alternatives import Elsewhere, OutputLog, sites_of
from charter_engine.parser.flows.edges import loops_since, turned
from charter_engine.parser.flows.memory import Memory
from charter_engine.parser.interpreting.attributes import NO_ATTRIBUTES, AttributeResolver
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.values.candidates import place_of
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.origins import Chain, Loops
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Element,
    Function,
    Instance,
    Kind,
    Limit,
    Value,
    is_answer,
)

if TYPE_CHECKING:
    from charter_engine.parser.state import AnalysisProgress

MAX_DEPTH = 2
"""Objects within objects whose lists a method may send."""

FEW_OBJECTS = 100
"""Where there are no more than these, a function may reach each of them: by a table in which
nothing was put yet, or by what makes them."""


class Held(NamedTuple):
    """What a list, or a dict or an object that isn't at hand with lists in it, held."""

    box: Box
    items: tuple[Element, ...]
    rest: Value | None
    limit: Limit | None
    fields: dict[str, Value]


class Lists(NamedTuple):
    """The lists that objects have in their fields, what each list held, and all that a method's own
    objects hold."""

    fields: tuple[tuple[Box, str, Value], ...] = ()
    held: tuple[Held, ...] = ()
    own: tuple[tuple[Box, dict[str, Value]], ...] = ()

    def as_they_are(self) -> Lists:
        """The same fields and lists, with what they hold at this moment."""
        return Lists(
            tuple((box, name, box.fields[name]) for box, name, _ in self.fields),
            tuple(held_by(held.box) for held in self.held),
            tuple((box, dict(box.fields)) for box, _ in self.own),
        )

    def as_made_anew(self, remade: Mapping[int, Box]) -> Lists:
        """The same for lists that top levels have made anew, by the numbers of those before."""
        return Lists(
            tuple(
                (box, name, replace(value, box=remade[id(value.box)]))
                if id(value.box) in remade
                else (box, name, value)
                for box, name, value in self.fields
            ),
            tuple(held._replace(box=remade.get(id(held.box), held.box)) for held in self.held),
            self.own,
        )

    def put_back(self) -> None:
        for box, name, value in self.fields:
            box.fields[name] = value
        for box, fields in self.own:
            box.fields = fields | {
                name: value
                for name, value in box.fields.items()
                if name not in fields and not is_answer(value)
            }
        for box, items, rest, limit, fields in self.held:
            box.items, box.rest, box.limit, box.fields = list(items), rest, limit, dict(fields)


class FunctionEntry(NamedTuple):
    """A call of a function: what its caller knew of its object, in which loops, the lists, and the
    object where it is one of several of the function's class."""

    known: AttributeResolver = NO_ATTRIBUTES
    loops: frozenset[int] = frozenset()
    lists: Lists = Lists()
    bound: Value | None = None


NO_ENTRY = FunctionEntry()

NOTHING_GIVEN: Mapping[str, Value] = MappingProxyType({})


Start = tuple[str, int]
"""Where an analysis started: the path and line of a function, or of a module."""


@dataclass(slots=True)
class CallersCalls:
    """The calls that one start of the analysis makes of a function, in a round: the first and the
    last. `agents` are those that all calls give a parameter, `objects` those that any calls it
    on."""

    start: Start
    first: FunctionEntry
    last: FunctionEntry
    round: int
    agents: dict[str, Value]
    objects: dict[Instance, None] = field(default_factory=dict)


@dataclass(slots=True)
class WaysToCalls:
    """What was asked before the calls of a function on the ways to them, by the sites, of that what
    was asked in the same turn, the outputs of ways that exclude a call, and where the ways
    begin."""

    asked: set[tuple[int, ...]] = field(default_factory=set)
    in_turn: set[tuple[int, ...]] = field(default_factory=set)
    others: set[Chain] = field(default_factory=set)
    starts: set[Start] = field(default_factory=set)

    def add(self, outputs: OutputLog, elsewhere: Elsewhere, loops: Loops) -> None:
        """Add the way to a call in some loops that excludes what is `elsewhere`."""
        unmade = outputs.unmade(elsewhere)
        self.others |= unmade
        for chain, sites in outputs.sites.items():
            if sites not in self.in_turn and chain not in unmade:
                self.asked.add(sites)
                if not turned(chain[0][1], loops):
                    self.in_turn.add(sites)

    def earlier(self) -> frozenset[tuple[int, ...]]:
        """The sites that were asked before a call only where a loop has gone round in between."""
        return frozenset(self.asked - self.in_turn)

    def excluded(self) -> dict[Chain, int]:
        """The outputs of ways that exclude all calls."""
        return {chain: 0 for chain in self.others if sites_of(chain) not in self.asked}


@dataclass(slots=True)
class Entries:
    """The first and last calls of functions that are `asking` a model, of which some are
    `wrappers`, and of those `leading` to them; `called` are all that others at hand call,
    `given_all` those that a call as it is written gives all that they are given. `ways`
    are those that lead to the calls of a function in a round, `handed` the functions that its
    calls hand it, by its parameters. `served` are the functions that a server runs, and `inner`
    those that others call, by where they begin."""

    memory: Memory
    progress: AnalysisProgress
    called: set[FunctionDefinition] = field(default_factory=set)
    given_all: set[FunctionDefinition] = field(default_factory=set)
    asking: set[FunctionDefinition] = field(default_factory=set)
    leading: set[FunctionDefinition] = field(default_factory=set)
    wrappers: Collection[FunctionDefinition] = ()
    calls: dict[FunctionDefinition, CallersCalls] = field(default_factory=dict)
    ways: dict[tuple[FunctionDefinition, int], WaysToCalls] = field(default_factory=dict)
    handed: dict[FunctionDefinition, dict[str, Value]] = field(default_factory=dict)
    served: dict[Start, str] = field(default_factory=dict)
    inner: set[Start] = field(default_factory=set)

    def note(
        self,
        frame: Frame,
        function: Function,
        known: AttributeResolver,
        outputs: OutputLog,
        given: Mapping[str, Value] = NOTHING_GIVEN,
        call: ast.Call | None = None,
    ) -> None:
        """Keep a call: of several starts, of the first that calls the function in a loop; of the
        later round where there is no loop. `outputs` are those that were made so far, `call` where
        one is written."""
        self.called.add(function.definition)
        self.note_functions(function.definition, given)
        if function.definition not in self.leading:
            return
        way = self.ways.setdefault((function.definition, self.progress.round), WaysToCalls())
        way.starts.add((self.progress.path, self.progress.line))
        if outputs.made or frame.elsewhere:
            goes_on = call is not None and names_next(call, frame.module.parents)
            loops_before = () if goes_on else loops_since(frame, (), self.progress.round)
            way.add(outputs, frame.elsewhere, loops_before)
        loops = frame.turning()
        calls = self.calls.get(function.definition)
        entry = FunctionEntry(
            known,
            loops,
            self.lists_of(function, known, given.values()),
            one_of_several(function),
        )
        agents = agents_in(given)
        if calls is not None:
            agents = {name: one for name, one in calls.agents.items() if is_same(one, agents, name)}
            calls.agents = agents
        start, now = (self.progress.path, self.progress.line), self.progress.round
        if calls is None or (loops and calls.start != start and not calls.last.loops):
            objects = calls.objects if calls is not None else {}
            calls = CallersCalls(start, entry, entry, now, agents, objects)
            self.calls[function.definition] = calls
        elif (
            calls.start == start
            and (calls.round == now or not calls.last.loops)
            and is_of_one(calls.first, entry)
        ):
            calls.last, calls.round = entry, now
        calls.objects |= objects_in(function)

    def is_served(self, ways: WaysToCalls) -> bool:
        """Whether all ways to the calls of a function begin with what a server runs."""
        begun = ways.starts - self.inner
        return bool(begun) and begun <= self.served.keys()

    def note_functions(self, definition: FunctionDefinition, given: Mapping[str, Value]) -> None:
        """Keep the functions that any call hands another one, by its parameters."""
        for name, value in given.items():
            if value.types and any(isinstance(kind, Function) for kind in value.types):
                handed = self.handed.setdefault(definition, {})
                if name not in handed:
                    handed[name] = value
                elif not value.types <= handed[name].types:
                    handed[name] = join(handed[name], value)

    def is_uncalled(self, definition: FunctionDefinition) -> bool:
        """Whether no call of a function that asks was followed so far: those that do may come
        later."""
        return definition in self.asking and definition not in self.calls

    def make_anew(self, remade: Mapping[int, Box]) -> None:
        """Let functions begin with lists that top levels have made anew in the place of others."""
        for calls in self.calls.values():
            calls.first, calls.last = (
                entry._replace(lists=entry.lists.as_made_anew(remade))
                for entry in (calls.first, calls.last)
            )

    def is_helper(self, frame: Frame) -> bool:
        """Whether a function that is called is no step of an agent, so that only its callers give
        it inputs."""
        is_step = frame.function in self.asking and frame.function not in self.wrappers
        return frame.caller is not None and not is_step

    def lists_of(
        self,
        function: Function,
        known: AttributeResolver = NO_ATTRIBUTES,
        given: Collection[Value] = (),
    ) -> Lists:
        """The lists that a function may reach by its object, by those that it is given, and by its
        module."""
        found: dict[int, Held] = {}
        fields: list[tuple[Box, str, Value]] = []
        own: list[tuple[Box, dict[str, Value]]] = []
        for owned, is_own in self.objects_of(function, given):
            for name, value in owned.fields.items():
                if value.box is not None:
                    if value.box.kind == "list":
                        fields.append((owned, name, value))
                    add_lists(value, found)
            if is_own:
                own.append((owned, dict(owned.fields)))
        for value in known.values.values():
            add_lists(value, found)
        for value in self.memory.globals.get(function.definition.module.path, {}).values():
            if value.box is not None:
                add_lists(value, found)
        return Lists(tuple(fields), tuple(found.values()), tuple(own))

    def objects_of(
        self, function: Function, given: Collection[Value]
    ) -> Iterator[tuple[Box, bool]]:
        """What the object of a method and those that a function is given hold, what the objects in
        these hold, and where there are few, all others; of each whether it begins as it was with
        all that it holds, not its lists alone."""
        reached = [value.types for value in (function.bound, *given) if value is not None]
        owners = {
            (kind.definition, kind.place)
            for types in reached
            for kind in types
            if isinstance(kind, Instance)
        }
        if function.definition.owner is not None:
            owners.add((function.definition.owner, ""))
        seen: set[tuple[ClassDefinition, str]] = set()
        for depth in range(MAX_DEPTH):
            objects = [
                self.memory.objects[owner] for owner in owners if owner in self.memory.objects
            ]
            yield from [(box, depth == 0) for box in objects]
            seen |= owners
            owners = {
                (kind.definition, kind.place)
                for box in objects
                for value in box.fields.values()
                for kind in value.types
                if isinstance(kind, Instance)
            } - seen
        if len(self.memory.objects) <= FEW_OBJECTS:
            others = (box for owner, box in self.memory.objects.items() if owner not in seen)
            yield from [(box, True) for box in others]


def names_next(call: ast.Call, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether a function of a table says which of them is the next, as if they stood one after the
    other: `step = STEPS[step]()`."""
    key: ast.expr | None = None
    match call.func:
        case ast.Subscript(slice=key):
            pass
        case ast.Call(func=ast.Attribute(attr="get"), args=[key, *_]):
            pass
    parent = parents.get(call)
    if isinstance(parent, ast.Await):
        parent = parents.get(parent)
    if key is None or not isinstance(parent, ast.Assign):
        return False
    targets = (part for target in parent.targets for part in ast.walk(target))
    return any(
        isinstance(one, ast.expr) and ast.unparse(one) == ast.unparse(key) for one in targets
    )


def agents_in(given: Mapping[str, Value]) -> dict[str, Value]:
    """The agents among what a function is given, by its parameters, and the objects that are told
    from others of their class."""
    return {
        name: value
        for name, value in given.items()
        if value.types
        and (
            all(map(place_of, value.types))
            or (value.box is not None and any(isinstance(kind, Kind) for kind in value.types))
        )
    }


def is_same(agent: Value, others: Mapping[str, Value], name: str) -> bool:
    """Whether another call gives a parameter an agent of the same kind and with the same texts."""
    other = others.get(name, UNKNOWN)
    return other.types == agent.types and texts_of(other) == texts_of(agent)


def texts_of(agent: Value) -> dict[str, tuple[Hashable, ...]]:
    """The texts that an agent was made with."""
    fields = agent.box.fields if agent.box is not None else {}
    return {
        name: tuple([piece.key for piece in value.pieces])
        for name, value in fields.items()
        if value.pieces is not None
    }


def is_list(value: Value) -> bool:
    return value.box is not None and value.box.kind == "list"


def held_by(box: Box) -> Held:
    return Held(box, tuple(box.items), box.rest, box.limit, dict(box.fields))


def add_lists(value: Value, found: dict[int, Held]) -> None:
    """Add what a value's list holds, and the list that it is joined to; of a dict of lists, by
    session or by name, and of an object that isn't at hand (`self.memory.notes`), each."""
    box = value.box
    if box is not None and box.kind in ("dict", "object") and id(box) not in found:
        lists = [member for member in box.members() if is_list(member)]
        if lists or not (box.fields or box.rest):
            found[id(box)] = held_by(box)
        for member in lists:
            add_lists(member, found)
    while box is not None and box.kind == "list" and id(box) not in found:
        found[id(box)] = held_by(box)
        box = box.joined_to


def is_of_one(first: FunctionEntry, other: FunctionEntry) -> bool:
    """Whether two calls of a method are made on the same object, as far as several are told
    apart."""
    if first.bound is None or other.bound is None:
        return True
    return first.bound.types == other.bound.types


def objects_in(method: Function) -> dict[Instance, None]:
    """The objects that a method is called on."""
    kinds = method.bound.types if method.bound is not None else ()
    return dict.fromkeys(kind for kind in kinds if isinstance(kind, Instance))


def one_of_several(method: Function) -> Value | None:
    """The object that a method of its class is called on, where several are told apart."""
    kinds = method.bound.types if method.bound is not None else ()
    owner = method.definition.owner
    is_own = any(isinstance(kind, Instance) and kind.definition is owner for kind in kinds)
    return method.bound if is_own and any(map(place_of, kinds)) else None
