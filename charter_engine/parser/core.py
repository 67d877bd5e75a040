"""What the layers of the interpreter share: frames, call sites, and the state of one analysis."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from itertools import count

from charter_engine.contracts.graph import Carried, Flow, Loop
from charter_engine.parser.catalogue import Catalogue
from charter_engine.parser.places import paths_by_place
from charter_engine.parser.recognise import CallShape, Recognition
from charter_engine.parser.state_graphs import StateGraph
from charter_engine.parser.symbols import ClassDefinition, FunctionDefinition, Module
from charter_engine.parser.values import Box, Chain, Function, Origin, Origins, Type, Value

Message = tuple[str, Value]
"""A part of a prompt: the role it is sent in (empty: unknown) and its text."""


@dataclass(slots=True, eq=False)
class Site:
    """One LLM call in the source, and what was learned of it each time it was reached.

    `starts` names the functions interpreted on their own that lead to it, `under` are all those on
    the way.
    """

    number: int
    node: ast.Call
    module: Module
    function: FunctionDefinition | None
    family: str
    kind: str
    why: tuple[str, ...]
    starts: set[str] = field(default_factory=set)
    under: set[FunctionDefinition] = field(default_factory=set)
    loop: Loop | None = None
    condition: str | None = None
    fanout: str | None = None
    output: str | None = None
    prompt: tuple[Message, ...] = ()
    parameters: dict[str, str | int | float | bool] = field(default_factory=dict)
    via: list[int] = field(default_factory=list)
    repeated_by: list[Loop] = field(default_factory=list)
    edges: dict[tuple[int, Carried], Flow] = field(default_factory=dict)
    fillings: dict[tuple[int, int, str], set[tuple[int, Carried]]] = field(default_factory=dict)


@dataclass(slots=True)
class LoopState:
    """A loop being interpreted: its number, which time round it is, and what the record will say.

    `retries` marks a loop that only tries again what failed.
    """

    number: int
    record: Loop
    retries: bool = False
    iteration: int = 0
    exits: list[dict[str, Value]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Frame:
    """One function (or module body) being interpreted.

    `names` also holds attributes that the function stored itself (`self.plan`). They stand as long
    as the object still holds what came of that, kept in `stored`; then another function has stored
    its own.
    """

    module: Module
    names: dict[str, Value]
    stored: dict[str, Value] = field(default_factory=dict)
    function: FunctionDefinition | None = None
    caller: Frame | None = None
    owner: ClassDefinition | None = None
    loops: list[LoopState] = field(default_factory=list)
    conditions: list[ast.expr | str] = field(default_factory=list)
    chain: Chain = ()
    returned: Value | None = None
    fanout: str | None = None
    output: str | None = None
    globals_written: set[str] = field(default_factory=set)
    given: Value | None = None
    depth: int = 0

    def nested(self) -> Frame:
        """A scope inside this function (a comprehension): names of its own, everything else
        shared."""
        return replace(self, names=dict(self.names))

    @property
    def certainty(self) -> int:
        """How many branches and loops stand between this point and the start of the analysis."""
        above = self.caller.certainty if self.caller is not None else 0
        return above + len(self.loops) + len(self.conditions)

    def all_loops(self) -> list[LoopState]:
        above = self.caller.all_loops() if self.caller is not None else []
        return above + self.loops


@dataclass(slots=True)
class Visit:
    """A site reached while a function was interpreted on its own: what decides whether it is a
    wrapper.

    `repeated`: in a loop that isn't a retry. `keeps_conversation`: the function sends an attribute
    of its object. `own_prompt`: the instructions stand in what is called.
    """

    site: int
    prompt: tuple[Message, ...]
    repeated: bool = False
    keeps_conversation: bool = False
    own_prompt: bool = False


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A function that asks a model and returns its answer: the site its calls lead to, and which of
    its parameters are the prompt."""

    site: int
    parameters: frozenset[str]


@dataclass(slots=True)
class Followed:
    """What following a function with these arguments gave; `names` keeps what the key identifies
    alive."""

    result: Value | None
    visits: list[Visit]
    names: dict[str, Value]
    reached: int


class Analysis(ABC):
    """The state of one analysis of one or more modules, and what the layers above call of each
    other.

    `parameters` numbers the parameters of functions interpreted on their own; they appear as
    origins with negative site numbers, so that what a prompt takes from its function's caller can
    be seen. `heap` counts the changes of what functions share, so that following a function again
    can be spared while nothing changed. `called_wrappers` are those that the sources call
    themselves. `posts` are the requests that some caller's address or body proved to ask for a
    completion.
    """

    def __init__(self, modules: dict[str, Module], catalogue: Catalogue) -> None:
        self.modules = modules
        self.catalogue = catalogue
        self.by_place = modules_by_place(modules.values())
        self.sites: dict[int, Site] = {}
        self.site_numbers: dict[int, int] = {}
        self.parameters: dict[FunctionDefinition, dict[str, int]] = {}
        self.parameter_numbers = count(-1, -1)
        self.objects: dict[ClassDefinition, Box] = {}
        self.field_types: dict[tuple[ClassDefinition, str], frozenset[Type]] = {}
        self.globals: dict[str, dict[str, Value]] = {}
        self.shared: dict[str, Box] = {}
        self.closures: dict[FunctionDefinition, dict[str, Value]] = {}
        self.handed_down: dict[tuple[FunctionDefinition, str], Origins] = {}
        self.wrappers: dict[FunctionDefinition, Wrapper] = {}
        self.visits: list[Visit] | None = None
        self.posts: dict[int, Recognition] = {}
        self.reaching: set[FunctionDefinition] = set()
        self.called_wrappers: set[FunctionDefinition] = set()
        self.loop_numbers: dict[int, int] = {}
        self.sources: dict[int, str] = {}
        self.graph: StateGraph | None = None
        self.cycles: set[frozenset[str]] = set()
        self.start = ""
        self.heap = 0
        self.followed: dict[Hashable, Followed] = {}
        self.round = 0
        self.reached = 0
        self.steps = 0
        self.budget = 0
        self.asked_line: int | None = None
        self.notes: list[str] = []

    @abstractmethod
    def evaluate(self, frame: Frame, node: ast.expr | None) -> Value:
        """The value of an expression in a frame."""

    @abstractmethod
    def placed(self, frame: Frame, node: ast.expr) -> Value:
        """The value of an expression where it is put into something; if its content is unknown, it
        keeps its source."""

    @abstractmethod
    def call(self, frame: Frame, node: ast.Call) -> Value:
        """What a call returns."""

    @abstractmethod
    def assign(self, frame: Frame, target: ast.expr, value: Value) -> None:
        """Store a value in a name, an attribute or an item."""

    @abstractmethod
    def annotated_types(self, frame: Frame, annotation: ast.expr | None) -> Value:
        """What an annotation says a value is."""

    @abstractmethod
    def execute(self, frame: Frame, body: list[ast.stmt]) -> bool:
        """Run statements in order; whether what follows them can be reached."""

    @abstractmethod
    def property_value(self, frame: Frame, function: Function) -> Value:
        """What a property returns."""

    @abstractmethod
    def passed_on(self, receiver: Value, callee: Value, shape: CallShape) -> Value:
        """The result of code that isn't at hand."""

    def module_named(self, dotted: str) -> Module | None:
        """A module by its dotted name, counted from the sources' folder or from any folder above a
        module."""
        return self.modules.get(dotted) or self.by_place.get(dotted)

    def is_internal(self, number: int) -> bool:
        """Whether a site is inside a wrapper, or a lambda of one, that the sources call: the calls
        stand for it."""
        function = self.sites[number].function
        while (
            function is not None
            and function not in self.wrappers
            and isinstance(function.node, ast.Lambda)
        ):
            function = function.outer
        return function in self.wrappers and (self.round == 0 or function in self.called_wrappers)

    def parameter_origin(self, function: FunctionDefinition, name: str) -> Origins:
        numbers = self.parameters.setdefault(function, {})
        number = (
            numbers[name]
            if name in numbers
            else numbers.setdefault(name, next(self.parameter_numbers))
        )
        return frozenset((Origin(((number, ()),)),))

    def source_of(self, node: ast.AST) -> str:
        """The text of a node of the modules at hand, written out once."""
        text = self.sources.get(id(node))
        if text is None:
            text = self.sources[id(node)] = ast.unparse(node)
        return text

    def object_of(self, owner: ClassDefinition) -> Box:
        return self.objects.setdefault(owner, Box("object"))

    def shared_box(self, name: str) -> Box:
        """What functions share without naming each other: a graph's state, a session, an event's
        fields."""
        return self.shared.setdefault(name, Box("dict"))

    def note(self, text: str) -> None:
        """Keep a reason that was asked for, once."""
        if text not in self.notes:
            self.notes.append(text)


def signature(value: Value) -> Hashable:
    """Equal for values that a function can't tell apart."""
    text = None if value.pieces is None else tuple(piece.key for piece in value.pieces)
    return (
        value.types,
        value.origins,
        id(value.box) if value.box is not None else 0,
        text,
        value.constant,
    )


def modules_by_place(modules: Iterable[Module]) -> dict[str, Module]:
    """Modules by the ends of their paths (`package.module`), where only one module ends so."""
    by_path = {module.path: module for module in modules}
    return {name: by_path[path] for name, path in paths_by_place(by_path).items()}


def under_way(frame: Frame | None, definition: FunctionDefinition) -> Frame | None:
    """The frame in which a function is being interpreted already."""
    while frame is not None and frame.function is not definition:
        frame = frame.caller
    return frame
