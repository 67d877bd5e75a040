"""What the interpreter knows of a Python value: its text as pieces, what it was made from, what it
can do.

Values are never the program's own: nothing is executed. A `Value` is immutable but for its `box`,
the contents of a list, dict or object, which the program may share between names.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field
from msgspec.structs import replace

if TYPE_CHECKING:
    from charter_engine.contracts.graph import Flow, LimitUnit, Loop
    from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module

Loops = tuple[tuple[int, int], ...]
"""The loops a call was made in, outermost first, each with its iteration (0 or 1)."""

Chain = tuple[tuple[int, Loops], ...]
"""The calls that were under way, outermost first: (number of the site, loops entered since the one
before)."""

FLOW_RANK: dict[Flow, int] = {
    "local": 0,
    "argument": 1,
    "return": 2,
    "attribute": 3,
    "history": 4,
    "state": 5,
}
"""Of two ways an output took, that of the higher rank is the one worth telling."""


class Origin(Struct, frozen=True, cache_hash=True):
    """An LLM call whose output is part of a value, and the way it came."""

    chain: Chain
    how: Flow = "local"


Origins = frozenset[Origin]
NOTHING: Origins = frozenset()


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


def place_of(kind: Type) -> str:
    """Where an object is made; empty for what is none."""
    return kind.place if isinstance(kind, Instance) else ""


def in_order(types: Collection[Type]) -> Collection[Type]:
    """The types by what and where they are: a set's own order changes from one run of Python to the
    next."""
    return types if len(types) < 2 else sorted(types, key=_place)


def _place(kind: Type) -> tuple[str, str, int, str]:
    match kind:
        case (
            Function(definition=definition)
            | Class(definition=definition)
            | Instance(definition=definition)
        ):
            name = type(kind).__name__ + place_of(kind)
            return name, definition.module.name, definition.node.lineno, ""
        case Package(module=module):
            return "Package", module.name, 0, ""
        case Made(module=module, node=node, name=name):
            return "Made", module.name, node.lineno, name
        case Member(kind=name, path=path):
            return "Member", f"{name} {path}", 0, ""
        case Kind(name=name) | External(dotted=name):
            return type(kind).__name__, name, 0, ""
        case Ran() | ListEnds():
            run = kind.node if isinstance(kind, Ran) else None
            place = (run.lineno, str(run.col_offset)) if run is not None else (0, "")
            return type(kind).__name__, "", *place


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
    there. `limit` is what it holds at most.
    """

    kind: Literal["list", "tuple", "dict", "object"]
    items: list[Element] = field(default_factory=list)
    fields: dict[str, Value] = field(default_factory=dict)
    rest: Value | None = None
    depth: int = 0
    branches: int = 0
    joined_to: Box | None = None
    limit: Limit | None = None

    def members(self) -> Iterator[Value]:
        yield from [element.value for element in self.items]
        yield from list(self.fields.values())
        if self.rest is not None:
            yield self.rest


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

MAX_ORIGINS = 48
"""Where more outputs than this come together, the latest in the source stand for them."""


def latest(origins: Collection[Origin]) -> Origins:
    if len(origins) <= MAX_ORIGINS:
        return frozenset(origins)
    return frozenset(
        sorted(origins, key=lambda origin: (origin.chain[0][0], origin.chain, origin.how))[
            -MAX_ORIGINS:
        ]
    )


def collect_origins(box: Box, found: set[Origin], seen: set[int]) -> None:
    pending = [box]
    while pending:
        box = pending.pop()
        if id(box) in seen:
            continue
        seen.add(id(box))
        for member in box.members():
            if member.origins:
                found |= member.origins
            if member.box is not None:
                pending.append(member.box)


def static(text: str, line: int = 0) -> Value:
    return Value(pieces=(Static(text, line),) if text else ())


def as_pieces(
    value: Value, source: ast.expr | str, line: int = 0, column: int = 0
) -> tuple[Piece, ...]:
    """The text of `value` where `source` puts it into another text."""
    if value.constant is not None and type(value.constant[0]) in (int, bool):
        return (Static(str(value.constant[0]), line),)
    written = value.static_text()
    if written is None:
        return (Hole(source, value, line, column),)
    name = constant_name(source)
    if name and value.pieces:
        return (Static(written, line_of(value.pieces), name, file_of(value.pieces)),)
    return value.pieces or ()


def pieces_of(value: Value) -> tuple[Piece, ...]:
    """A text's pieces; what is none is a hole in one."""
    if value.pieces is not None:
        return value.pieces
    return (
        Hole(
            value.source if value.source is not None else "",
            replace(value, box=None, origins=value.all_origins()),
        ),
    )


def constant_name(source: ast.expr | str) -> str:
    """The name of a constant: an attribute, or a name in capitals."""
    if isinstance(source, ast.Attribute):
        return source.attr
    return source.id if isinstance(source, ast.Name) and source.id.isupper() else ""


def file_of(pieces: tuple[Piece, ...]) -> str:
    return pieces[0].path if isinstance(pieces[0], Static) else ""


def line_of(pieces: tuple[Piece, ...]) -> int:
    return pieces[0].line if pieces else 0


def text_of(pieces: Iterable[Piece]) -> Value:
    """A string made of `pieces`, with the origins of what fills its holes."""
    merged: list[Piece] = []
    origins: Origins = NOTHING
    for piece in pieces:
        if isinstance(piece, Hole):
            origins |= piece.value.all_origins()
        add_piece(merged, piece)
    return Value(pieces=tuple(merged), origins=origins)


def add_piece(pieces: list[Piece], piece: Piece) -> None:
    """Append a piece; neighbouring texts become one, except the text of a named constant."""
    last = pieces[-1] if pieces else None
    if (
        isinstance(piece, Static)
        and isinstance(last, Static)
        and not (piece.name or last.name)
        and piece.path == last.path
    ):
        pieces[-1] = last.part(last.text + piece.text)
    elif not (isinstance(piece, Static) and not piece.text):
        pieces.append(piece)


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


def join(first: Value | None, second: Value | None, name: str = "", depth: int = 0) -> Value:
    """What is known of a value that is one or the other, by the way the program took."""
    if first is None or second is None or first is second:
        return first or second or UNKNOWN
    is_text = first.pieces is not None or second.pieces is not None
    box = first.box or second.box
    if first.box is not None and second.box is not None:
        box = join_apart(first, second) or join_boxes(first.box, second.box, depth)
    return Value(
        first.types | second.types,
        join_pieces(first, second, name) if is_text else None,
        first.origins | second.origins,
        box,
        first.constant if first.constant == second.constant else None,
    )


def join_pieces(first: Value, second: Value, name: str) -> tuple[Piece, ...] | None:
    """The common beginning of two texts, then a hole for what differs."""
    if first.pieces is None or second.pieces is None:
        return None if first.pieces is second.pieces else (Hole(name, join_origins(first, second)),)
    if first.pieces == second.pieces:
        return first.pieces
    common: list[Piece] = []
    for mine, other in zip(first.pieces, second.pieces, strict=False):
        if mine != other:
            common += beginning_of(mine, other)
            break
        common.append(mine)
    rests = (pieces[len(common) :] for pieces in (first.pieces, second.pieces))
    written = min(map(written_in, rests), key=len)
    return (*common, Hole(name, join_origins(first, second), written=written))


def written_in(pieces: Iterable[Piece]) -> str:
    """What the source writes out of a text, on each way through the program."""
    return "".join(
        piece.text
        if isinstance(piece, Static)
        else piece.written or written_in(piece.value.pieces or ())
        for piece in pieces
    )


def beginning_of(first: Piece, second: Piece) -> tuple[Piece, ...]:
    """The text that another one goes on from: `text = "Be brief."`, `text += " Or not."`."""
    if not isinstance(first, Static) or not isinstance(second, Static) or first.path != second.path:
        return ()
    short, long = sorted((first, second), key=lambda piece: len(piece.text))
    return (short,) if short.text and long.text.startswith(short.text) else ()


def join_origins(first: Value, second: Value) -> Value:
    return Value(origins=first.origins | second.origins)


def join_apart(first: Value, second: Value) -> Box | None:
    """What either of two agents was made with, which both keep for themselves; None for values of
    any other kind."""
    one, other = first.box, second.box
    if one is None or other is None or one is other or not made_apart(first.types, second.types):
        return None
    fields = {
        name: join(one.fields.get(name), other.fields.get(name), name, MAX_JOINED_DEPTH + 1)
        for name in one.fields | other.fields
    }
    return Box("object", fields=fields)


def either(first: Value, second: Value) -> Value:
    """What either of two objects holds, each of which keeps it for itself; what is added reaches
    the first."""
    if first.box is None or second.box is None or first.box is second.box:
        return join(first, second)
    boxes = [
        replace(box, items=list(box.items), fields=dict(box.fields), joined_to=None)
        for box in (first.box, second.box)
    ]
    boxes[0].joined_to = first.box
    mine, other = (
        replace(value, box=box) for value, box in zip((first, second), boxes, strict=True)
    )
    return join(mine, other, depth=MAX_JOINED_DEPTH)


def held_apart(value: Value, kept: Value) -> Value:
    """A value that several objects hold, as one of them holds it: what is added to it reaches what
    that object keeps."""
    if value.box is None:
        return value
    box = replace(
        value.box, items=list(value.box.items), fields=dict(value.box.fields), joined_to=kept.box
    )
    return replace(value, box=box)


def each_object(value: Value) -> tuple[Value, ...]:
    """A value as each of the objects at hand that it may be, where several are of one class."""
    objects = [kind for kind in in_order(value.types) if isinstance(kind, Instance)]
    if len(objects) == len({kind.definition for kind in objects}):
        return (value,)
    others = value.types.difference(objects)
    return tuple(replace(value, types=others | {kind}) for kind in objects)


def made_apart(first: frozenset[Type], second: frozenset[Type]) -> bool:
    """Whether two values were made in different places."""
    made = {kind for kind in first if type(kind) is Made}
    return bool(made) and made != {kind for kind in second if type(kind) is Made}


def join_boxes(first: Box | None, second: Box | None, depth: int = 0) -> Box | None:
    """One box that holds what either holds; the first keeps its identity so that later changes
    reach both names.

    Boxes may hold themselves, so that only a few levels are joined member by member.
    """
    if first is None or second is None or first is second or depth > MAX_JOINED_DEPTH:
        return first or second
    known = {id(element.value) for element in first.items}
    placed = {
        element.place for element in first.items if element.place and not element.value.origins
    }
    first.limit = first.limit or second.limit
    if first.kind == second.kind == "tuple" and len(first.items) == len(second.items):
        known |= {id(element.value) for element in second.items}
        for mine, other in zip(first.items, second.items, strict=True):
            mine.value = join_parts(mine.value, other.value, depth + 1)
    for element in list(second.items):
        if element.place in placed:
            first.limit = first.limit or element.limit
        elif id(element.value) not in known and len(first.items) < MAX_ITEMS:
            first.items.append(element.uncertain())
    for name, value in list(second.fields.items()):
        first.fields[name] = join(first.fields.get(name), value, name, depth + 1)
    if second.rest is not None:
        first.rest = join(first.rest, second.rest, "", depth + 1)
    second.joined_to = first
    return first


def join_parts(first: Value, second: Value, depth: int) -> Value:
    """What either of two tuples has in one place; an empty list beside a text of what went wrong
    (`return [], "Too long."`) says that there is none."""
    if is_empty_list(first) and second.box is not None and second.box.kind == "list":
        return second
    if is_empty_list(second) and first.box is not None and first.box.kind == "list":
        return first
    return join(first, second, "item", depth)


def is_empty_list(value: Value) -> bool:
    """Whether a value is a list without members."""
    box = value.box
    return box is not None and box.kind == "list" and not box.items and box.rest is None


def without_ends(types: frozenset[Type]) -> frozenset[Type]:
    """What a value may be, where nothing is told of its first and last members."""
    return frozenset(kind for kind in types if type(kind) is not ListEnds) if types else types


def end_of(value: Value, index: object) -> Origins | None:
    """What the first or the last member of a list holds; None where that isn't told."""
    ends = [kind for kind in value.types if type(kind) is ListEnds] if value.box is None else []
    found = [one.first if index == 0 else one.last for one in ends]
    if not found or index not in (0, -1):
        return None
    told = [origins for origins in found if origins is not None]
    return frozenset[Origin]().union(*told) if len(told) == len(found) else None


MAX_JOINED_DEPTH = 3
"""Assumed: members of members are told apart no deeper; boxes may hold themselves."""

MAX_ITEMS = 200
"""A list literal longer than this is data, not a conversation: further members are kept as one."""


def join_names(first: dict[str, Value], second: dict[str, Value]) -> dict[str, Value]:
    """The names that stand after either of two ways; an attribute only if both stored it."""
    joined = dict(first)
    for name in first:
        if "." in name and name not in second:
            del joined[name]
    for name, value in second.items():
        held = joined.get(name)
        if held is value:
            continue
        if held is not None:
            joined[name] = join(held, value, name)
        elif "." not in name:
            joined[name] = value
    return joined


def functions_in(value: Value) -> list[Function]:
    """The functions at hand that a value may be."""
    return [kind for kind in in_order(value.types) if isinstance(kind, Function)]


def made_as(value: Value) -> list[Made]:
    """The agents and teams that a value itself may be."""
    return [kind for kind in in_order(value.types) if isinstance(kind, Made)]


def made_in(value: Value) -> Iterator[Made]:
    """The agents and teams that a value is, or else those that it holds."""
    own = made_as(value)
    yield from own
    for member in members_in(value) if not own else ():
        yield from made_as(member)


def members_in(value: Value) -> list[Value]:
    """The members of a list or a dict; of anything else, the value itself."""
    box = value.box
    if box is None or box.kind == "object":
        return [value]
    found = [element.value for element in box.items] + list(box.fields.values())
    return found if box.rest is None else [*found, box.rest]
