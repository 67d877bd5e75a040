"""The names of a file: its imports, functions and classes, found in one walk of the tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from charter_engine.parser.source.compact import by_kind, fields_below, kinds_of_nodes, of_kinds

PLACED = of_kinds(
    *(ast.Call, ast.Await, ast.Attribute, ast.Subscript, ast.withitem),
    *(ast.ListComp, ast.GeneratorExp, ast.Starred),
)
"""Nodes whose parent is kept, to see what becomes of a call's result."""

SIGNS = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)
LEAVES = of_kinds(
    *(ast.Name, ast.Constant, ast.alias),
    *(sign for signs in SIGNS for sign in signs.__subclasses__()),
) | {str, int, bool, type(None)}
"""What stands in a node and holds no nodes; most of a tree are these."""

LACKING = frozenset(("keys", "kw_defaults"))
"""Lists in which None stands for a node that isn't there: `{**given}`, `def f(*, name)`."""

FIELDS_BELOW = by_kind({kind: fields_below(kind) for kind in kinds_of_nodes()})

Node = TypeVar("Node", bound=ast.AST)

IMPORTS = (ast.Import, ast.ImportFrom)
YIELDS = (ast.Yield, ast.YieldFrom)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

SCOPES = of_kinds(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
TOLD = of_kinds(ast.Call, ast.Attribute, ast.Subscript, ast.Global, ast.Nonlocal, *IMPORTS, *YIELDS)
"""Nodes that say something of their module, or of the functions that they stand in."""

INDEXED = by_kind({kind: kind for kind in (ast.Assign, ast.AnnAssign, ast.Return, ast.Dict)})
"""Nodes that are kept by their kinds, as attributes are that are assigned: questions about whole
functions and modules begin with these."""


CONTEXT_MANAGERS = frozenset(("contextmanager", "asynccontextmanager"))

ENTERED = ("__enter__", "__aenter__")
"""The methods that give a `with` block what it works with."""


@dataclass(slots=True, eq=False)
class FunctionDefinition:
    """A function, method or lambda. `owner` is the class it is a method of; `outer` the function it
    stands in.

    `calls` are those in its body, with the functions that stand in it, `nodes` what is kept of the
    same by kinds (`nodes_of`); `stores` whether it, or one of these, leaves something in an object,
    a global or a function around it; `sets_globals` whether it declares a global as its own to set,
    `sets_session` whether it keeps something in a user's session, the state of an app or a dict of
    its module; `is_abstract` whether its body only declares. `kept_from_around` are parameters that
    keep what a name around the function holds where it is defined. `node_name` is the name by which
    state graphs know it, `own_name` what a method calls its object; empty for any other function.
    `told` is kept by `told_once`, `called` by `names_called`.
    """

    node: FunctionNode
    name: str
    qualname: str
    module: Module
    owner: ClassDefinition | None = None
    outer: FunctionDefinition | None = None
    parameters: tuple[str, ...] = ()
    is_static: bool = False
    is_property: bool = False
    is_generator: bool = False
    stores: bool = False
    sets_globals: bool = False
    sets_session: bool = False
    is_abstract: bool = False
    decorators: tuple[str, ...] = ()
    kept_from_around: tuple[str, ...] = ()
    calls: list[ast.Call] = field(default_factory=list)
    node_name: str = ""
    takes_self: bool = field(init=False)
    own_name: str = field(init=False)
    nodes: dict[type, list[Any]] = field(default_factory=dict)
    told: dict[object, object] = field(default_factory=dict)
    called: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        self.node_name = self.node_name or self.name
        self.takes_self = self.owner is not None and not self.is_static
        self.own_name = self.parameters[0] if self.takes_self and self.parameters else ""

    @property
    def manages_context(self) -> bool:
        """Whether a `with` block is given what it yields."""
        return self.is_generator and any(
            name.rpartition(".")[2] in CONTEXT_MANAGERS for name in self.decorators
        )


ENUMS = frozenset(("Enum", "StrEnum"))


@dataclass(slots=True, eq=False)
class ClassDefinition:
    """A class. `tests` are those of a size on which its methods call each other, by the name of the
    called; None until they are asked for."""

    node: ast.ClassDef
    name: str
    qualname: str
    module: Module
    methods: dict[str, FunctionDefinition] = field(default_factory=dict)
    bases: tuple[str, ...] = ()
    tests: dict[str, list[ast.expr]] | None = None

    @property
    def is_record(self) -> bool:
        """Whether a class only holds what its constructor is given."""
        return all(
            method.is_property or (name.startswith("__") and name != "__call__")
            for name, method in self.methods.items()
        )

    @property
    def is_typed_dict(self) -> bool:
        """Whether a class says what dicts hold, of which none is an object of it."""
        return any(base.rpartition(".")[2] == "TypedDict" for base in self.bases)

    @property
    def is_enum(self) -> bool:
        """Whether a class names the members that it has, once and for all."""
        return any(base.rpartition(".")[2] in ENUMS for base in self.bases)


@dataclass(slots=True, eq=False)
class Module:
    """One parsed file. `imports` maps local names to dotted names; `name` is its dotted name in its
    package.

    `functions` and `classes` are kept by the identity of their nodes, the `parents` of calls by
    these themselves. `nodes`, `told` and `called` are kept as a function's are. `filled` are names
    of which functions fill items, until it is known whose these are.
    """

    path: str
    name: str
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    star_imports: list[str] = field(default_factory=list)
    functions: dict[int, FunctionDefinition] = field(default_factory=dict)
    classes: dict[int, ClassDefinition] = field(default_factory=dict)
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    calls: list[ast.Call] = field(default_factory=list)
    nodes: dict[type, list[Any]] = field(default_factory=dict)
    told: dict[object, object] = field(default_factory=dict)
    called: tuple[str, ...] | None = None
    filled: list[tuple[FunctionDefinition, str]] = field(default_factory=list)

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")


Place = tuple[ast.AST, str, ClassDefinition | None, FunctionDefinition | None]
"""A node, what the names in it begin with, the class whose methods it holds, and the function it
stands in."""


def index_module(path: str, name: str, tree: ast.Module) -> Module:
    """Find every import, function and class of a file; later definitions of a name don't hide
    earlier ones here."""
    module = Module(path=path, name=name, tree=tree)
    pending: list[Place] = [(tree, "", None, None)]
    while pending:
        node, prefix, owner, outer = pending.pop()
        kept = owner if isinstance(node, ast.ClassDef) else None
        for child in children(node):
            kind = type(child)
            if kind in SCOPES:
                pending.append(scope_of(child, prefix, module, owner, outer))
                continue
            if kind in PLACED:
                module.parents[child] = node
            if kind in TOLD:
                tell(child, module, outer)
            elif kind in INDEXED:
                keep_node(child, INDEXED[kind], module, outer)
            pending.append((child, prefix, kept, outer))
    note_fillers(module)
    return module


def scope_of(
    node: ast.AST,
    prefix: str,
    module: Module,
    owner: ClassDefinition | None,
    outer: FunctionDefinition | None,
) -> Place:
    """What begins with the definition of a function or class."""
    if isinstance(node, ast.ClassDef):
        bases = tuple(map(dotted_name, node.bases))
        defined = ClassDefinition(node, node.name, prefix + node.name, module, bases=bases)
        module.classes[id(node)] = defined
        return node, f"{defined.qualname}.", defined, outer
    assert isinstance(node, FunctionNode)
    function = define_function(node, prefix, module, owner, outer)
    module.functions[id(node)] = function
    return node, f"{function.qualname}.", None, function


def tell(node: ast.AST, module: Module, function: FunctionDefinition | None) -> None:
    """Keep what a node says of its module, and of the function that it stands in."""
    if isinstance(node, ast.Call):
        add_call(node, module, function)
    elif isinstance(node, ast.Attribute):
        if type(node.ctx) is ast.Store:
            note_store(function)
            keep_for_app(node.value, function)
            keep_node(node, ast.Attribute, module, function)
    elif isinstance(node, ast.Subscript):
        if type(node.ctx) is ast.Store:
            keep_for_app(node.value, function)
            note_filled(node, module, function)
    elif isinstance(node, IMPORTS):
        add_import(node, module)
    elif isinstance(node, ast.Global | ast.Nonlocal):
        note_store(function)
        if function is not None and isinstance(node, ast.Global):
            function.sets_globals = True
    elif function is not None:
        function.is_generator = True


def keep_node(
    node: ast.AST, kind: type[ast.AST], module: Module, function: FunctionDefinition | None
) -> None:
    module.nodes.setdefault(kind, []).append(node)
    while function is not None:
        function.nodes.setdefault(kind, []).append(node)
        function = function.outer


def nodes_of(scope: Module | FunctionDefinition, kind: type[Node]) -> list[Node]:
    """The nodes of a kind that is `INDEXED` in a module or a function; of attributes, those that
    are assigned."""
    return scope.nodes.get(kind, [])


def assignments_in(scope: Module | FunctionDefinition) -> list[ast.Assign | ast.AnnAssign]:
    """The assignments of a module or a function."""
    return [*nodes_of(scope, ast.Assign), *nodes_of(scope, ast.AnnAssign)]


def returns_itself(method: FunctionDefinition) -> bool:
    """Whether a method returns nothing but its object."""
    returned = [node.value for node in nodes_of(method, ast.Return)]
    return all(isinstance(one, ast.Name) and one.id == method.own_name for one in returned)


def children(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below one that may hold others."""
    for name in FIELDS_BELOW[type(node)]:
        value: Any = getattr(node, name)
        if type(value) is list:
            for item in value:
                if type(item) not in LEAVES:
                    yield item
        elif type(value) not in LEAVES:
            yield value


def walk(node: ast.AST) -> list[ast.AST]:
    """What `ast.walk` gives, without the signs (operators, and what is done with a name), in a
    third of the time."""
    found = [node]
    for item in found:
        for name in FIELDS_BELOW[type(item)]:
            held: Any = getattr(item, name)
            if type(held) is list:
                found += filter(None, held) if name in LACKING else held
            elif held is not None:
                found.append(held)
    return found


def add_call(node: ast.Call, module: Module, function: FunctionDefinition | None) -> None:
    module.calls.append(node)
    if function is not None and keeps_in_session(node):
        note_store(function)
        function.sets_session = True
    while function is not None:
        function.calls.append(node)
        function = function.outer


def keeps_in_session(node: ast.Call) -> bool:
    """Whether a call keeps something for the functions that follow: `user_session.set("agent",
    agent)`."""
    function = node.func
    if not isinstance(function, ast.Attribute) or function.attr != "set":
        return False
    return dotted_name(function.value).endswith("user_session")


def keep_for_app(kept_in: ast.expr, function: FunctionDefinition | None) -> None:
    """Note that a function keeps something in the state of an app, if it does."""
    if function is not None and is_state_of_app(kept_in):
        note_store(function)
        function.sets_session = True


def note_filled(node: ast.Subscript, module: Module, function: FunctionDefinition | None) -> None:
    """Keep that a function puts what may be an object under a key: `talks[user] = Talk()`."""
    parent = module.parents[node]
    made = parent.value if isinstance(parent, ast.Assign) else None
    is_given = (
        isinstance(made, ast.Name) and function is not None and made.id in function.parameters
    )
    is_object = isinstance(made, ast.Call | ast.Name) and not is_given
    if is_object and function is not None and isinstance(node.value, ast.Name):
        module.filled.append((function, node.value.id))


def note_fillers(module: Module) -> None:
    """Note which functions keep something for others in a dict of their module."""
    held = names_given_in(module.tree.body) if module.filled else frozenset()
    for function, name in module.filled:
        is_local = name in function.parameters or name in names_given_in(assignments_in(function))
        if name in held and not is_local:
            note_store(function)
            function.sets_session = True
    module.filled.clear()


def names_given_in(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """The names that assignments among some nodes give a value."""
    targets = [
        target
        for node in nodes
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return frozenset(target.id for target in targets if isinstance(target, ast.Name))


def is_state_of_app(node: ast.expr) -> bool:
    """Whether an expression is the state of an app of FastAPI, Starlette, Litestar or Flask, which
    all that is called with it shares: `request.app.state`, `current_app.config`."""
    app = node.value if isinstance(node, ast.Attribute) and node.attr in STATES else None
    return app is not None and dotted_name(app).rpartition(".")[2] in APPS


STATES = frozenset(("state", "config", "extensions"))
APPS = frozenset(("app", "application", "fastapi_app", "current_app"))
"""What programs call the app that serves them."""


def note_store(function: FunctionDefinition | None) -> None:
    while function is not None:
        function.stores = True
        function = function.outer


def define_function(
    node: FunctionNode,
    prefix: str,
    module: Module,
    owner: ClassDefinition | None,
    outer: FunctionDefinition | None,
) -> FunctionDefinition:
    is_lambda = isinstance(node, ast.Lambda)
    name = lambda_name(node) if isinstance(node, ast.Lambda) else node.name
    decorators = (
        ()
        if isinstance(node, ast.Lambda)
        else tuple(dotted_name(item) for item in node.decorator_list)
    )
    spec = node.args
    function = FunctionDefinition(
        node=node,
        name=name,
        qualname=prefix + ("lambda" if is_lambda else name),
        module=module,
        owner=owner,
        outer=outer,
        parameters=tuple(arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)),
        is_static="staticmethod" in decorators or isinstance(node, ast.Lambda),
        is_property=any(
            item.rpartition(".")[2] in ("property", "cached_property") for item in decorators
        ),
        is_abstract=not isinstance(node, ast.Lambda) and all(map(only_declares, node.body)),
        decorators=decorators,
        kept_from_around=tuple(kept_from_around(spec)) if outer is not None else (),
    )
    if owner is not None and not isinstance(node, ast.Lambda):
        owner.methods[name] = function
    return function


def kept_from_around(spec: ast.arguments) -> Iterator[str]:
    """The parameters of a function within another that are no inputs, but keep what a name around
    it holds at that moment: `def send(_messages=messages)`."""
    defaults = [None] * (len(spec.posonlyargs) + len(spec.args) - len(spec.defaults))
    given = zip((*spec.posonlyargs, *spec.args), (*defaults, *spec.defaults), strict=True)
    for arg, default in (*given, *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)):
        if isinstance(default, ast.Name) and arg.arg.strip("_") == default.id.strip("_"):
            yield arg.arg


def lambda_name(node: ast.Lambda) -> str:
    """What tells a lambda from the others of its file."""
    return f"lambda:{node.lineno}:{node.col_offset}"


def only_declares(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring, `...`, `pass` or `raise NotImplementedError`."""
    if isinstance(statement, ast.Raise):
        return statement.exc is not None and "NotImplemented" in dotted_name(statement.exc)
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def add_import(node: ast.Import | ast.ImportFrom, module: Module) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            module.imports[alias.asname or alias.name.partition(".")[0]] = (
                alias.name if alias.asname else alias.name.partition(".")[0]
            )
        return
    base = absolute_base(node, module)
    for alias in node.names:
        if alias.name == "*":
            module.star_imports.append(base)
        else:
            module.imports[alias.asname or alias.name] = (
                f"{base}.{alias.name}" if base else alias.name
            )


def absolute_base(node: ast.ImportFrom, module: Module) -> str:
    """The dotted name an import starts from, with leading dots resolved against the file's own
    place."""
    if not node.level:
        return node.module or ""
    parts = parts_of(module.name)
    if not module.is_package:
        parts = parts[:-1]
    parts = parts[: max(len(parts) - (node.level - 1), 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def parts_of(name: str) -> list[str]:
    """The parts of a module's dotted name; the package that holds all files has none."""
    return [] if name == "__init__" else name.split(".")


def dotted_name(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute path (through calls and subscripts), else an empty string."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            return ".".join(reversed(parts))
        else:
            return ".".join(reversed(parts))
