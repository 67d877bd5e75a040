"""What the interpreter knows of a Python value: its text as pieces, what it was made from, what it
can do.

Values are never the program's own: nothing is executed. A `Value` is immutable but for its `box`,
the contents of a list, dict or object, which the program may share between names.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from charter_engine.parser.values.origins import (
    FLOW_RANK,
    MAX_ORIGINS,
    NOTHING,
    Origin,
    Origins,
    latest,
)

if TYPE_CHECKING:
    from charter_engine.contracts.graph import Flow, LimitUnit, Loop
    from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module


class External(Struct, frozen=True, cache_hash=True):
    """Something imported from outside the sources at hand, by its dotted name."""

    dotted: str


class Kind(Struct, frozen=True, cache_hash=True):
    """A type of the catalogue: `openai.client`, `langchain.model`, `retriever`, …"""

    name: str


class Member(Struct, frozen=True, cache_hash=True):
    """An attribute path on something of a catalogue type: `chat.completions.create` on
    `openai.client`."""

    kind: str
    path: str


class Function(Struct, frozen=True, eq=False):
    """A function of the sources at hand, with the object it is bound to, and what it is `given` by
    place and `named` before it is called."""

    definition: FunctionDefinition
    bound: Value | None = None
    given: tuple[Value, ...] = ()
    named: tuple[tuple[str, Value], ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Function) and other.definition is self.definition

    def __hash__(self) -> int:
        return id(self.definition)


class Class(Struct, frozen=True, cache_hash=True):
    definition: ClassDefinition


class Instance(Struct, frozen=True, cache_hash=True):
    """An object of a class at hand; `place` is where it is made, if the class has several such
    places."""

    definition: ClassDefinition
    place: str = ""


class Package(Struct, frozen=True, cache_hash=True):
    """A module of the sources at hand."""

    module: Module


class Made(Struct, frozen=True, eq=False):
    """An agent, or a team of them, by the place where its constructor is called, with what that was
    given; or a chain of runnables, by its pipe. `loop` is the loop around it. `name` tells apart
    what a function makes there for several callers."""

    kind: str
    node: ast.expr
    module: Module
    function: FunctionDefinition | None
    box: Box
    loop: Loop | None = None
    name: str = ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Made):
            return False
        return other.node is self.node and other.name == self.name

    def __ne__(self, other: object) -> bool:
        # What a record inherits compares by identity, whatever `__eq__` says.
        return not self == other

    def __hash__(self) -> int:
        return id(self.node)


class Ran(Struct, frozen=True, eq=False):
    """What a call gives that ran a team, by that call: what each of the team said is kept beside
    its answer."""

    node: ast.Call

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ran) and other.node is self.node

    def __hash__(self) -> int:
        return id(self.node)


class ListEnds(Struct, frozen=True, cache_hash=True):
    """What the first and the last member hold of a list of which nothing else is known; the first
    None where that isn't told."""

    first: Origins | None
    last: Origins


Type = External | Kind | Member | Function | Class | Instance | Package | Made | Ran | ListEnds


class Static(Struct, frozen=True):
    """Text that stands in the source, or in the file `path`. `name` is the constant that holds
    exactly this text, if one does."""

    text: str
    line: int = 0
    name: str = ""
    path: str = ""

    @property
    def key(self) -> str:
        return self.text

    @property
    def source_line(self) -> int:
        """The line in the source; 0 for a text of another file."""
        return 0 if self.path else self.line

    def part(self, text: str, start: int = 0) -> Static:
        """A text that was made of this one, from `start` on; a file's has a line of its own."""
        line = self.line + self.text[:start].count("\n") if self.path else self.line
        return Static(text, line, path=self.path)


class Hole(Struct, frozen=True, eq=False):
    """A place in a text that is filled when the program runs, by `source`: an expression's tree or
    its text.

    `value` is what is known of the filling. `written` is what the source writes out of it on each
    way through the program: the shortest of these texts.
    """

    source: ast.expr | str
    value: Value
    line: int = 0
    column: int = 0
    written: str = ""

    @property
    def key(self) -> tuple[int, int, str]:
        """Names the place in the source, whatever it is filled with."""
        if isinstance(self.source, str):
            return self.line, self.column, self.source
        return self.source.lineno, self.source.col_offset, ""


Piece = Static | Hole


class Limit(Struct, frozen=True):
    """What of a history is sent: the last `size` messages, or the last that have so many tokens (0:
    not known how many). The first `kept` messages stay. `begins`: of what a history begins with
    anew."""

    size: int
    unit: LimitUnit = "messages"
    kept: int = 0
    begins: bool = False


class Element(Struct):
    """One member of a list. `maybe` where a branch or loop decides whether, or how often, it is
    there.

    `place` tells members apart that were added in different places of the source. Where loops alone
    decide, `loops` are their numbers. `limit` is that of the list it was taken from.
    """

    value: Value
    maybe: bool = False
    place: int = 0
    loops: frozenset[int] = frozenset()
    limit: Limit | None = None

    def uncertain(self) -> Element:
        """The same member, where another way through the program may be without it."""
        return Element(self.value, True, self.place, limit=self.limit)


class Box(Struct, eq=False):
    """The contents of a list, dict or object. `rest` stands for members that are not known one by
    one.

    `depth` and `branches` count the branches and loops, and the branches alone, that it was made
    in. `joined_to` is a box that holds these contents besides others: what is added here is added
    there. `limit` is what it holds at most. `begins_either_way`: it may be another list, with which
    it was joined, that begins with other members. `keys` are those of a dict that aren't written
    out.
    """

    kind: Literal["list", "tuple", "dict", "object"]
    items: list[Element] = field(default_factory=list)
    fields: dict[str, Value] = field(default_factory=dict)
    rest: Value | None = None
    depth: int = 0
    branches: int = 0
    joined_to: Box | None = None
    limit: Limit | None = None
    begins_either_way: bool = False
    keys: Value | None = None

    def members(self) -> list[Value]:
        found = [element.value for element in self.items]
        found += self.fields.values()
        return found if self.rest is None else [*found, self.rest]


class Value(Struct, eq=False, frozen=True):
    """`pieces` is the text of a string (None: not known to be one).

    `constant` is a number, bool or None that stands in the source, kept in a tuple so that None can
    be told apart. `source` is the expression that put a value of unknown content where it is.
    `limit` is that of the history which a text is part of.
    """

    types: frozenset[Type] = frozenset()
    pieces: tuple[Piece, ...] | None = None
    origins: Origins = NOTHING
    box: Box | None = None
    constant: tuple[int | float | bool | None] | None = None
    source: ast.expr | None = None
    limit: Limit | None = None

    def all_origins(self) -> Origins:
        """The origins of the value and of everything in it."""
        if self.box is None:
            return self.origins
        found: set[Origin] = set(self.origins)
        collect_origins(self.box, found, set())
        return latest(found)

    def with_origins(self, origins: Origins) -> Value:
        if origins <= self.origins:
            return self
        return Value(
            self.types, self.pieces, self.origins | origins, self.box, self.constant, self.source
        )

    def static_text(self) -> str | None:
        """The whole text, where all of it stands in the source."""
        if self.pieces is None:
            return None
        texts: list[str] = []
        for piece in self.pieces:
            if not isinstance(piece, Static):
                return None
            texts.append(piece.text)
        return "".join(texts)


def object_of(definition: ClassDefinition) -> Value:
    """An object of a class at hand."""
    return Value(types=frozenset((Instance(definition),)))


def is_answer(value: Value) -> bool:
    """Whether something a model made is part of a value; a parameter's own origin is not."""
    return any(origin.chain[0][0] >= 0 for origin in value.all_origins())


def answers_in(value: Value) -> set[int]:
    """The calls whose answers are part of a value, by their numbers."""
    numbers = {origin.chain[0][0] for origin in value.all_origins()}
    return {number for number in numbers if number >= 0}


UNKNOWN = Value()
NOT_PUT_THERE = Value()
"""What is taken out of a dict in which nothing was put: where something else may be meant, that
is."""


def collect_origins(box: Box, found: set[Origin], seen: set[int]) -> None:
    pending = [box]
    while pending:
        box = pending.pop()
        if id(box) in seen:
            continue
        seen.add(id(box))
        members = box.members() if box.keys is None else (*box.members(), box.keys)
        for member in members:
            if member.origins:
                found |= member.origins
            if member.box is not None:
                pending.append(member.box)


def moved(value: Value, how: Flow) -> Value:
    """`value` after it went another way (through an argument, an attribute, …); origins keep the
    way worth telling."""
    if not value.origins:
        return value
    rank = FLOW_RANK[how]
    if len(value.origins) <= MAX_ORIGINS and all(
        FLOW_RANK[origin.how] >= rank for origin in value.origins
    ):
        return value
    origins = latest(
        {
            origin if FLOW_RANK[origin.how] >= rank else Origin(origin.chain, how)
            for origin in value.origins
        }
    )
    return Value(value.types, value.pieces, origins, value.box, value.constant, value.source)
