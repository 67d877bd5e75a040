"""Functions that ask nobody, whatever their names: stand-ins that answer what their own source
says."""

from __future__ import annotations

import ast
import sys

from charter_engine.parser.interpreting.reach import PYTHONS_OWN
from charter_engine.parser.source.program import Program
from charter_engine.parser.source.symbols import FunctionDefinition, Module, dotted_name, walk
from charter_engine.parser.source.syntax import last_name

NOBODY: frozenset[FunctionDefinition] = frozenset()


def asks_nobody(
    program: Program,
    definition: FunctionDefinition,
    under_way: frozenset[FunctionDefinition] = NOBODY,
) -> bool:
    """Whether a function gives something back and calls nothing but what only reckons: Python's
    own functions, methods of texts and lists, and functions at hand that ask nobody either."""
    is_plain = {name.rpartition(".")[2] for name in definition.decorators} <= PLAIN
    if definition.is_abstract or not is_plain:
        return False
    if not under_way and not gives_something(definition):
        return False
    inner = under_way | {definition}
    return all(only_reckons(program, definition, call, inner) for call in definition.calls)


PLAIN = frozenset(("staticmethod", "classmethod", "override", "property", "cached_property"))
"""Decorators that leave what a function does to itself."""


def is_meant(node: ast.Call, definition: FunctionDefinition, around: FunctionDefinition) -> bool:
    """Whether a call can be of no other function: it names it, or its object is made there of the
    class (`Recorded().ask(text)`), or is kept under a name that keeps nothing else."""
    owner = definition.owner
    if owner is None or not isinstance(node.func, ast.Attribute):
        return owner is None and last_name(node.func) == definition.name
    holder = node.func.value
    if isinstance(holder, ast.Name):
        if holder.id in around.parameters:
            return False
        kept = kept_under(holder, around.node)
    elif isinstance(holder, ast.Attribute) and around.owner is not None:
        kept = kept_under(holder, around.owner.node)
    else:
        kept = [holder]
    return bool(kept) and all(
        isinstance(one, ast.Call) and last_name(one.func) == owner.name for one in kept
    )


def kept_under(name: ast.expr, scope: ast.AST) -> list[ast.expr | None]:
    """What a scope keeps under a name or an attribute."""
    written = dotted_name(name)
    return [
        node.value
        for node in walk(scope)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if dotted_name(target) == written
    ]


def gives_something(definition: FunctionDefinition) -> bool:
    """Whether a function returns or yields a value."""
    return any(
        isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value is not None
        for node in walk(definition.node)
    )


def only_reckons(
    program: Program,
    definition: FunctionDefinition,
    call: ast.Call,
    under_way: frozenset[FunctionDefinition],
) -> bool:
    """Whether what a function calls asks nobody, as far as its name tells."""
    match call.func:
        case ast.Name(id=name):
            called = function_named(program, definition.module, name)
            is_own = name in PYTHONS_OWN and name not in RUNNING_OTHERS
            is_local = name in definition.parameters
        case ast.Attribute(value=ast.Name(id=holder), attr=name) if (
            holder == definition.own_name and definition.owner is not None
        ):
            called = program.method_of(definition.owner, name)
            is_own, is_local = False, False
        case ast.Attribute(attr=name):
            return name in METHODS or comes_with_python(definition, call.func)
        case _:
            return False
    if called is not None and not is_local:
        return called in under_way or asks_nobody(program, called, under_way)
    if is_local or not name[:1].isupper():
        return is_own and not is_local
    made = program.class_named(definition.module, name)
    maker = program.method_of(made, "__init__") if made is not None else None
    return maker is None or maker in under_way or asks_nobody(program, maker, under_way)


def function_named(program: Program, module: Module, name: str) -> FunctionDefinition | None:
    """The function at hand that a module defines, or imports, by a name."""
    base, _, last = program.imported_by(module, module.imports.get(name, "")).rpartition(".")
    source = program.module_named(base) if base else module
    wanted = last or name
    return next(
        (
            one
            for one in (source.functions.values() if source is not None else ())
            if one.name == wanted and one.owner is None and one.outer is None
        ),
        None,
    )


RUNNING_OTHERS = frozenset("map filter eval exec compile __import__ getattr super open".split())
"""Python's own functions that may do what others say."""

METHODS = frozenset(
    name for kind in (str, bytes, list, dict, set) for name in dir(kind) if not name.startswith("_")
) | frozenset("popleft appendleft debug info warning error exception isoformat".split())
"""Methods of texts, lists, queues, dates and loggers."""


def comes_with_python(definition: FunctionDefinition, target: ast.Attribute) -> bool:
    """Whether a function belongs to a module of Python's own that reaches nothing outside:
    `json.dumps`."""
    first, _, rest = dotted_name(target).partition(".")
    module = definition.module.imports.get(first, "").partition(".")[0]
    return module in RECKONING or (module == "asyncio" and rest == "sleep")


RECKONING = sys.stdlib_module_names & frozenset(
    "json re time random math hashlib uuid datetime textwrap string copy itertools collections "
    "dataclasses types typing statistics base64 decimal logging".split()
)
"""Modules of Python's own that only reckon."""
