"""What functions leave for each other: in objects, globals, closures and shared state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace

from charter_engine.parser.graphs.spoken import said_in
from charter_engine.parser.interpreting.recursions import Recursion
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.teams.watched_roles import RoleTurn
from charter_engine.parser.values.candidates import made_in
from charter_engine.parser.values.joining import MAX_ITEMS, join
from charter_engine.parser.values.values import Box, Class, Element, Function, Made, Type, Value


class AddedMember(NamedTuple):
    """A member that was added to a list."""

    box: Box
    member: Element


class GrownList(NamedTuple):
    """A list to which something was added, and its members before."""

    box: Box
    before: tuple[Element, ...]


@dataclass(slots=True)
class Memory:
    """The heap of one analysis. The objects of a class that are made in one place are one object
    here; that of no place stands for those that functions are given from elsewhere.

    `changes` counts what was changed, so that following a function again can be spared while
    nothing was. `recursions` are those of functions that call themselves. `left` is what the
    state of a graph holds after a node, `written` what the node put into it, by the keys, `always`
    the keys that it writes on every way, `begun` what a graph was given, by its start, `sent` what
    a node is started with, by its function; `beside` says how functions run side by side that
    `Send` leads into, or several runs of their graph.
    `returned` is what the steps of flows returned, `said` what roles did in their turns. `spoken`
    tells by site as whom its answers are said among the messages of states. `answers`
    is what runs of teams tell beside their answers, by the identity of their calls, `answered` what
    those said in them that tell it themselves. `grown` are the lists to which something was added
    since a function was started from, `added` the members, in order. `opened` are the objects, by
    their identity, and `opened_modules` the modules, into which something may have been put since
    it was last looked what they hold.
    """

    objects: dict[tuple[ClassDefinition, str], Box] = field(default_factory=dict)
    field_types: dict[tuple[ClassDefinition, str], frozenset[Type]] = field(default_factory=dict)
    globals: dict[str, dict[str, Value]] = field(default_factory=dict)
    global_types: dict[tuple[str, str], frozenset[Type]] = field(default_factory=dict)
    shared: dict[str, Box] = field(default_factory=dict)
    closures: dict[FunctionDefinition, dict[str, Value]] = field(default_factory=dict)
    recursions: dict[FunctionDefinition, Recursion] = field(default_factory=dict)
    left: dict[str, Box] = field(default_factory=dict)
    written: dict[str, dict[str, Element]] = field(default_factory=dict)
    always: dict[str, frozenset[str]] = field(default_factory=dict)
    begun: dict[str, dict[str, Value]] = field(default_factory=dict)
    sent: dict[str, Box] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    returned: dict[FunctionDefinition, Value] = field(default_factory=dict)
    said: dict[RoleTurn, Value] = field(default_factory=dict)
    spoken: dict[int, set[str]] = field(default_factory=dict)
    answers: dict[int, dict[str, Value]] = field(default_factory=dict)
    answered: dict[Made, Value] = field(default_factory=dict)
    grown: dict[int, GrownList] = field(default_factory=dict)
    added: list[AddedMember] = field(default_factory=list)
    opened: dict[int, Box] = field(default_factory=dict)
    opened_modules: set[str] = field(default_factory=set)
    changes: int = 0

    def object_of(self, owner: ClassDefinition, place: str = "") -> Box:
        held = self.objects.get((owner, place))
        if held is None:
            held = self.objects[owner, place] = Box("object")
        self.opened[id(held)] = held
        return held

    def names_of(self, path: str) -> dict[str, Value]:
        """The names of a module, to put something there."""
        self.opened_modules.add(path)
        return self.globals.get(path, {})

    def held_by(self, owner: ClassDefinition, place: str, name: str) -> Value | None:
        """What an attribute of an object holds; where nothing stored it there, what objects of the
        class hold that were made elsewhere."""
        own = self.object_of(owner, place).fields.get(name)
        return own if own is not None or not place else self.object_of(owner).fields.get(name)

    def keep_global(self, path: str, name: str, value: Value) -> None:
        """Keep what a function sets a module's global to, beside what it held; of an agent that was
        kept before, as it was made last."""
        names = self.globals.setdefault(path, {})
        self.opened_modules.add(path)
        held = join(names.get(name), value, name)
        if value.types:
            known = self.global_types.get((path, name), frozenset())
            self.global_types[path, name] = value.types | known
            self.changes += not value.types <= known
            held = replace(held, types=value.types | held.types)
        names[name] = held

    def as_functions_set(self, path: str, name: str, value: Value) -> Value:
        """What a module's global holds after its top level gave it a value: that, or an object that
        a function sets it to, whichever comes first."""
        types = self.global_types.get((path, name))
        return value if types is None else join(value, Value(types=types), name)

    def shared_box(self, name: str) -> Box:
        """What functions share without naming each other: a graph's state, a session, an event's
        fields."""
        return self.shared.setdefault(name, Box("dict"))

    def note_spoken(self, key: str, value: Value) -> None:
        """Note as whom the answers are said that are put under a key of a state."""
        for site, role in said_in(key, value):
            roles = self.spoken.setdefault(site, set())
            self.changes += role not in roles
            roles.add(role)

    def add_item(self, box: Box, added: Element) -> None:
        """Add a member once, however often the loop around it goes round; one with new origins is
        new."""
        origins = added.value.all_origins()
        is_answer = any(origin.chain[0][0] >= 0 for origin in origins)
        for element in box.items:
            if element.value is added.value or (
                added.maybe
                and element.maybe
                and is_answer
                and (element.place == added.place or not (element.place and added.place))
                and element.value.all_origins() == origins
            ):
                return
        self.changes += 1
        self.grown.setdefault(id(box), GrownList(box, tuple(box.items)))
        if len(box.items) < MAX_ITEMS:
            box.items.append(added)
            self.added.append(AddedMember(box, added))
        else:
            box.rest = join(box.rest, added.value)
        if box.joined_to is not None:
            self.add_item(box.joined_to, added.uncertain())

    def add_rest(self, box: Box, value: Value) -> None:
        """Let a box hold something without saying where."""
        held = box.rest.origins if box.rest is not None else frozenset()
        if not value.origins <= held:
            self.changes += 1
            box.rest = join(box.rest, value) if box.rest is not None else value

    def merge_into(self, box: Box, other: Box, maybe: bool) -> None:
        for element in other.items:
            self.add_item(box, element.uncertain() if maybe else element)
        for name, value in other.fields.items():
            box.fields[name] = (
                join(box.fields[name], value) if name in box.fields and maybe else value
            )
        if other.rest is not None:
            box.rest = join(box.rest, other.rest)

    def keep_closure(self, function: FunctionDefinition, names: dict[str, Value]) -> None:
        """Keep the names of a function for those that stand in it; each may be what it was in any
        call."""
        before = self.closures.get(function, {})
        self.closures[function] = {
            name: as_in_any_call(value, before[name]) if name in before else value
            for name, value in names.items()
        }

    def forget_runs(self) -> None:
        """Forget what was said in runs: each begins anew when the analysis does."""
        self.answers.clear()
        self.answered.clear()

    def forget(self) -> None:
        """Start afresh; types of fields, of globals that functions set and of what an app's state
        holds, closures, and the functions, classes and written texts of modules stand."""
        self.objects.clear()
        self.globals = {
            path: {name: value for name, value in names.items() if stands(value)}
            for path, names in self.globals.items()
        }
        app = self.shared.pop(APP, None)
        self.shared.clear()
        if app is not None:
            kept = {name: standing(value) for name, value in app.fields.items()}
            self.shared[APP] = Box("dict", fields=kept)
        self.left.clear()
        self.written.clear()
        self.always.clear()
        self.begun.clear()
        self.sent.clear()
        self.beside.clear()
        self.returned.clear()
        self.said.clear()
        self.forget_runs()
        self.grown.clear()
        self.opened.clear()
        self.opened_modules.clear()
        self.recursions.clear()


SESSION = "session"
"""Under this name is kept what outlives a run of a script: the sessions of Streamlit and
Chainlit."""


APP = "app"
"""Under this name is kept what an app's state holds as long as it is served."""


def standing(value: Value) -> Value:
    """A value that was kept before the analysis began afresh."""
    return Value(types=value.types) if value.all_origins() else value


def as_in_any_call(value: Value, before: Value) -> Value:
    """A value that may be of the types that another call gave it as well; one of which nothing is
    known holds the agents that it held there."""
    if not is_known(value) and any(made_in(before)):
        return replace(value, types=before.types, box=before.box)
    return with_types(value, before.types)


def is_known(value: Value) -> bool:
    is_written = value.pieces is not None or value.constant is not None
    return is_written or value.box is not None or bool(value.types)


def tells_more(value: Value, before: Value) -> bool:
    """Whether a name holds something of which nothing was known before."""
    return not value.types <= before.types or (value.box is not None and before.box is None)


def with_types(value: Value, types: frozenset[Type]) -> Value:
    """A value that may be of other types as well."""
    return value if types <= value.types else replace(value, types=value.types | types)


def stands(value: Value) -> bool:
    """Whether a value is a function or class at hand, or a text that is all written out, and
    nothing else."""
    if value.box is not None or value.origins:
        return False
    if not value.types:
        return value.static_text() is not None
    return all(type(kind) in DEFINED for kind in value.types)


DEFINED = (Class, Function)
