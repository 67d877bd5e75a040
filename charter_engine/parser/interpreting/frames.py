"""Functions being interpreted: their names, and the loops and branches they are in."""

from __future__ import annotations

import ast

from msgspec import Struct, field
from msgspec.structs import replace

from charter_engine.contracts.graph import Loop
from charter_engine.parser.branches.added_members import Absent
from charter_engine.parser.branches.alternatives import NOWHERE, Elsewhere
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module
from charter_engine.parser.values.origins import NOTHING, Chain, Origins
from charter_engine.parser.values.values import UNKNOWN, Type, Value


class LoopState(Struct, eq=False):
    """A loop being interpreted: its number, which time round it is, and what the record will say.

    `member` tells which member of a literal a comprehension is at, `apart` at which a loop is whose
    turns are told from each other. `retries` marks a loop that only tries again what failed. `node`
    is its statement, None for a comprehension or what is mapped.
    `taken` is what its target may be, each with the list that this is a member of: first the one
    that it goes over, then those of its members that tests have told. `is_late`: what a turn leaves
    in histories was seen in the turns before.
    """

    number: int
    record: Loop
    retries: bool = False
    node: ast.For | ast.AsyncFor | ast.While | None = None
    iteration: int = 0
    is_late: bool = False
    member: int = 0
    apart: int | None = None
    exits: list[dict[str, Value]] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    taken: list[tuple[Value, Value]] = field(default_factory=list)


class Frame(Struct, eq=False):
    """One function (or module body) being interpreted.

    `names` also holds attributes that the function stored itself (`self.plan`). They stand as long
    as the object still holds what came of that, kept in `stored`; then another function has stored
    its own. `left` are those that stood where the function returned; `always` are the keys of every
    dict that it returned; `raised` the outputs in errors that nothing has handled yet. `fanout` is
    how what is evaluated here runs beside other things, `spread` how the whole function does.
    `is_called`: a call at hand gives all that it is given, `call` is that which is written.
    `open_flags` are parameters of which only a default is known that stands in for what is given.
    `driven` are the loops that its callers are in, `given` the outputs that a function which calls
    itself was called with, `elsewhere` those of ways that exclude this one, `absent` what ways have
    added to lists that left the function; `untaken` is the expression under way whose value nobody
    takes. What stands above stays the same until the function returns, and is counted once.
    """

    module: Module
    names: dict[str, Value]
    stored: dict[str, Value | None] = field(default_factory=dict)
    left: dict[str, Value] | None = None
    function: FunctionDefinition | None = None
    caller: Frame | None = None
    owner: ClassDefinition | None = None
    loops: list[LoopState] = field(default_factory=list)
    conditions: list[ast.expr | str] = field(default_factory=list)
    chain: Chain = ()
    returned: Value | None = None
    raised: Origins = NOTHING
    always: frozenset[str] | None = None
    fanout: str | None = None
    spread: str | None = None
    globals_written: set[str] = field(default_factory=set)
    outer_written: set[str] = field(default_factory=set)
    depth: int = 0
    is_called: bool = False
    call: ast.Call | None = None
    open_flags: frozenset[str] = frozenset()
    driven: frozenset[int] = frozenset()
    given: frozenset[Chain] = frozenset()
    elsewhere: Elsewhere = field(default_factory=lambda: NOWHERE)
    absent: list[Absent] = field(default_factory=list)
    untaken: ast.expr | None = None
    certainty_above: int = 0
    branches_above: int = 0

    def __post_init__(self) -> None:
        if self.caller is not None:
            self.certainty_above = self.caller.certainty
            self.branches_above = self.caller.branches

    @property
    def own_types(self) -> frozenset[Type]:
        """What the object may be whose method this is; nothing for any other function."""
        own = self.function.own_name if self.function is not None else ""
        return self.names.get(own, UNKNOWN).types if own else UNKNOWN.types

    def nested(self) -> Frame:
        """A scope inside this function (a comprehension): names of its own, everything else
        shared."""
        return replace(self, names=dict(self.names))

    @property
    def certainty(self) -> int:
        """How many branches and loops stand between this point and the start of the analysis."""
        return self.certainty_above + len(self.loops) + len(self.conditions)

    @property
    def branches(self) -> int:
        """How many branches stand between this point and the start of the analysis."""
        return self.branches_above + len(self.conditions)

    def all_loops(self) -> list[LoopState]:
        above = self.caller.all_loops() if self.caller is not None else []
        return above + self.loops

    def turning(self) -> frozenset[int]:
        """The numbers of the loops under way, here and in those who called."""
        return frozenset(loop.number for loop in self.all_loops()) | outermost(self).driven


def under_way(frame: Frame | None, definition: FunctionDefinition) -> Frame | None:
    """The frame in which a function is being interpreted already."""
    while frame is not None and frame.function is not definition:
        frame = frame.caller
    return frame


def functions_under_way(frame: Frame) -> set[FunctionDefinition]:
    found: set[FunctionDefinition] = set()
    caller: Frame | None = frame
    while caller is not None:
        if caller.function is not None:
            found.add(caller.function)
        caller = caller.caller
    return found


def outermost(frame: Frame) -> Frame:
    """The frame that the interpreter started with."""
    while frame.caller is not None:
        frame = frame.caller
    return frame


def constructor_of(frame: Frame) -> Frame | None:
    """The frame of the constructor that a frame is part of: its own, or that of the same object,
    which calls this method; None for any other."""
    own = frame.own_types
    part: Frame | None = frame if own else None
    while part is not None and part.function is not None and part.own_types == own:
        if part.function.name == "__init__":
            return part
        part = part.caller
    return None


def outermost_init(frame: Frame) -> Frame:
    """The frame of the constructor that a constructor's frame serves: its class's own, through
    `super().__init__()`."""
    while (
        frame.caller is not None
        and frame.caller.function is not None
        and frame.caller.function.name == "__init__"
    ):
        frame = frame.caller
    return frame
