"""What modules and objects keep from one run of a function to the next: a history, conversations by
session. Who runs a function that nothing at hand calls (a server, a bot, a page) may do so again,
and it then finds what it left; a top level sets that up only once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Set
from typing import NamedTuple

from charter_engine.parser.agents.memories import is_memory
from charter_engine.parser.branches.alternatives import sites_of
from charter_engine.parser.flows.held_lists import MAX_DEPTH, HeldLists
from charter_engine.parser.flows.kept_fields import set_back, set_fields_back
from charter_engine.parser.flows.memory import SESSION, Memory
from charter_engine.parser.flows.told_lists import ToldLists
from charter_engine.parser.interpreting.entries import Entries
from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.findings import Findings
from charter_engine.parser.model_calls.recognise import has_roles, words_of
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.values import Box, Element, Static, Value, is_answer

NO_CALLS: frozenset[int] = frozenset()

ONCE = frozenset(("main", "test", "demo", "example"))
"""Words of the names of functions that a program runs once."""


def runs_once(definition: FunctionDefinition) -> bool:
    """Whether a program runs a function once, as its name tells."""
    return not ONCE.isdisjoint(words_of(definition.name))


class LastingNames(NamedTuple):
    """Names with what they hold, and with what they held before top levels were run again."""

    names: dict[str, Value]
    before: dict[str, Value]


class KeptState:
    """Looks after the lists that outlive the functions that add to them.

    `talks` are those of memories: a library keeps in them what was said in turns before.
    `conversations` are lists of messages. `served` are the functions started from so far that may
    be run again.
    """

    def __init__(
        self, memory: Memory, findings: Findings, entries: Entries, catalogue: Catalogue
    ) -> None:
        self.memory = memory
        self.findings = findings
        self.entries = entries
        self.catalogue = catalogue
        self.left: list[LastingNames] = []
        self.lists: dict[int, Box] = {}
        self.passing: dict[int, set[object]] = {}
        self.served: set[str] = set()
        self.told_lists = ToldLists()
        self.held_lists = HeldLists(memory)
        self.talks: set[int] = set()
        self.conversations: set[int] = set()

    def begin(self, start: str, *, is_once: bool, is_called: bool, is_served: bool = False) -> None:
        """Start from a function: what is kept of the answers that it makes itself was left in a
        turn before, and so was what others left in a memory that are run again as well, or in a
        conversation where nothing at hand calls the function. What these left under any name is of
        a turn before where a server runs the function."""
        own = self.findings.reached_from.get(start, NO_CALLS)
        if not is_once:
            self.served.add(start)
        self.look()
        told = self.talks if is_called else self.talks | self.conversations
        if own:
            self.set_back(self.told_lists.told_by(own) - told, own)
        if told:
            served = own if is_once else self.made_from(self.served)
            self.set_back(self.told_lists.told_by(served) & told, served)

    def serve(self, handed: Collection[ClassDefinition]) -> None:
        """Let what functions that are run again left under any name be of a turn before, but for
        what objects of the classes hold that the function is `handed`."""
        given = {id(box) for (owner, _), box in self.memory.objects.items() if owner in handed}
        served, seen = self.made_from(self.served), set(given)
        for holder, names in self.held_lists.changed.items():
            if holder not in given:
                set_fields_back(names, served, seen)
        self.held_lists.changed.clear()

    def look(self) -> None:
        """Look at what may have changed since the last look."""
        for value in self.held_lists.look():
            if value.types and is_memory(value, self.catalogue):
                self.talks.add(id(value.box))
            if id(value.box) in self.lists:
                self.note_kept(self.lists[id(value.box)])
        for number in self.memory.grown:
            if number in self.lists:
                self.note_kept(self.lists[number])

    def note_kept(self, box: Box) -> None:
        """Note what a list that is kept holds now."""
        self.told_lists.look_at(box)
        if self.held_lists.is_held(box) and has_roles(Value(box=box)):
            self.conversations.add(id(box))

    def set_back(self, numbers: Iterable[int], calls: Set[int]) -> None:
        """Let what some calls made in this turn be of a turn before, in some of the lists."""
        for number in numbers:
            set_back(self.lists[number], calls)
            self.told_lists.look_at(self.lists[number])

    def made_from(self, starts: Iterable[str]) -> Set[int]:
        """The calls that were reached from functions."""
        reached = self.findings.reached_from
        return NO_CALLS.union(*[reached.get(start, NO_CALLS) for start in starts])

    def end(self, *, is_once: bool) -> None:
        """End what was started from a function: what it left in lists that are kept is there once,
        however many functions leave it. Of one that is run once, no later run finds it."""
        grown = [one for one in self.memory.grown.values() if any(map(is_said, one.box.items))]
        self.look()
        self.memory.grown.clear()
        for box, before in grown:
            if self.held_lists.is_held(box):
                said = once_each(box.items)
                if is_once:
                    known = once_each(before) if id(box) in self.lists else {}
                    self.passing.setdefault(id(box), set()).update(said.keys() - known.keys())
                self.lists[id(box)] = box
                box.items[:] = said.values()
                self.note_kept(box)

    def holders(self) -> Iterator[dict[str, Value]]:
        """The names of modules and sessions, and the fields of objects."""
        yield from self.memory.globals.values()
        yield from (box.fields for name, box in self.memory.shared.items() if name == SESSION)
        yield from (box.fields for box in self.memory.objects.values())

    def note(self) -> None:
        """Note what is held once all functions were run."""
        self.left = [LastingNames(names, dict(names)) for names in self.holders()]

    def put_back(self) -> None:
        """Let what top levels have made anew hold what functions had left there."""
        remade: dict[int, Box] = {}
        for names, before in self.left:
            for name, held in before.items():
                value = names.get(name)
                if value is None or value is held:
                    continue
                if value.box is not None and held.box is not None:
                    remade[id(held.box)] = value.box
                if is_answer(held):
                    names[name] = self.with_left(value, held, name, set())
        self.entries.make_anew(remade)
        self.left.clear()

    def with_left(
        self, value: Value, held: Value, name: str, filled: set[tuple[int, int]]
    ) -> Value:
        """`filled` are the boxes that something was put into, each with what held that."""
        if value.box is None:
            return join(value, held, name)
        if held.box is not None and held.box is not value.box:
            pair = id(value.box), id(held.box)
            if pair not in filled:
                filled.add(pair)
                self.put_into(value.box, held.box, filled)
        return value

    def put_into(self, box: Box, held: Box, filled: set[tuple[int, int]]) -> None:
        """Add to a list or dict what another held that functions have put there: members that
        aren't in it, and what is kept under names, or in lists under any."""
        known = {item.place for item in box.items}
        for told in (self.talks, self.conversations):
            told.update({id(box)} if id(held) in told else ())
        passing = self.passing.get(id(held), ())
        for key, item in once_each(held.items).items():
            if item.place not in known and key not in passing:
                box.items.append(item)
        if box.items and box.kind == "list":
            self.lists[id(box)] = box
            self.note_kept(box)
        for name, value in held.fields.items():
            if is_answer(value):
                own = box.fields.get(name)
                box.fields[name] = (
                    value if own is None else self.with_left(own, value, name, filled)
                )
        if held.rest is not None and held.rest.box is not None and is_answer(held.rest):
            box.rest = held.rest if box.rest is None else join(box.rest, held.rest)
        self.memory.changes += 1


def is_said(item: Element) -> bool:
    return is_answer(item.value)


def once_each(items: Iterable[Element]) -> dict[object, Element]:
    """Members of a list without those that say the same, of the same calls and added in the same
    place, as one before; by what tells them apart."""
    found: dict[object, Element] = {}
    for item in items:
        calls = frozenset(sites_of(origin.chain) for origin in item.value.all_origins())
        found.setdefault((item.place, calls, shape_of(item.value)), item)
    return found


def shape_of(value: Value, depth: int = 0) -> object:
    """What tells the texts in a value apart, whatever fills them."""
    pieces = tuple(
        piece.text if isinstance(piece, Static) else piece.key for piece in value.pieces or ()
    )
    fields = value.box.fields if value.box is not None and depth <= MAX_DEPTH else {}
    inner = tuple((name, shape_of(held, depth + 1)) for name, held in fields.items())
    source = id(value.source) if not pieces and not inner else 0
    return pieces, inner, source
