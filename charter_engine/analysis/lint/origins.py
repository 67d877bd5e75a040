"""Where a value comes from: through names, attributes and the functions of the same file."""

import ast
from collections.abc import Iterator

from charter_engine.analysis.lint.subject import (
    ASSIGNMENTS,
    STEPS,
    AssignmentNode,
    FunctionNode,
    Subject,
    dotted,
)

_SETS = {"set", "frozenset"}
_OF_SETS = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub)
_FOLDERS = {"os.listdir", "os.scandir", "listdir", "scandir"}
_LISTING = {"iterdir", "rglob", "glob", "iglob"}


def called_by(subject: Subject, node: ast.expr, line: int, steps: int = STEPS) -> Iterator[str]:
    """The calls, as `a.b()`, that a value is made by: those in its expression, in what the names of
    it were assigned, and in what the functions of this file that it calls return."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            yield subject.imported_name(dotted(part))
        if not steps:
            continue
        for source, at in _sources(subject, part, line):
            yield from called_by(subject, source, at, steps - 1)


def unordered_source(
    subject: Subject, node: ast.expr, line: int, steps: int = STEPS
) -> ast.expr | None:
    """The expression that takes a value out of a set or folder in no fixed order; None where
    nothing shows that."""
    if _is_unordered(node):
        return node
    made_of = _made_of(node)
    if made_of:
        found = (unordered_source(subject, part, line, steps) for part in made_of)
        return node if any(part is not None for part in found) else None
    if isinstance(node, ast.Call) and dotted(node.func) in {"list", "tuple"} and node.args:
        return unordered_source(subject, node.args[0], line, steps)
    if not steps:
        return None
    filled = _filled_from(subject, node, line) if isinstance(node, ast.Name) else []
    sources = list(_sources(subject, node, line))
    if isinstance(node, ast.Name) and not sources and not filled:
        sources += ((value, value.lineno) for value in subject.constants(node.id))
    for source, at in [*sources, *((over, line) for over in filled)]:
        origin = unordered_source(subject, source, at, steps - 1)
        if origin is not None:
            return origin if isinstance(node, ast.Call) else node
    return None


def _made_of(node: ast.expr) -> list[ast.expr]:
    """What the order of a comprehension, or of sets put together, comes from."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, _OF_SETS):
        return [node.left, node.right]
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return [node.generators[0].iter]
    return []


def _filled_from(subject: Subject, node: ast.Name, line: int) -> list[ast.expr]:
    """What the loops go over that append to a list."""
    function = subject.function_at(line)
    return [
        loop.iter
        for loop in (subject.walk(function) if function is not None else ())
        if isinstance(loop, ast.For) and loop.lineno <= line
        for call in subject.walk(loop)
        if isinstance(call, ast.Call) and dotted(call.func) == f"{node.id}.append"
    ]


def _is_unordered(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        return name in _SETS | _FOLDERS or name.rpartition(".")[2] in _LISTING
    return isinstance(node, ast.Set | ast.SetComp)


def _sources(subject: Subject, node: ast.AST, line: int) -> Iterator[tuple[ast.expr, int]]:
    """What a name was assigned last, an attribute anywhere, or a function of this file returns,
    each with its line."""
    if isinstance(node, ast.Name):
        origin = subject.origin(node.id, line)
        if origin is not None and not isinstance(origin, ast.Name):
            yield origin, line
    elif isinstance(node, ast.Attribute):
        for value in _stored(subject, node.attr):
            yield value, value.lineno
    elif isinstance(node, ast.Call):
        for value in _returned(subject, dotted(node.func).rpartition(".")[2]):
            yield value, value.lineno


def _stored(subject: Subject, attribute: str) -> list[ast.expr]:
    return subject.once(_stored_by_attribute).get(attribute, [])


def _stored_by_attribute(subject: Subject) -> dict[str, list[ast.expr]]:
    """What the file stores in attributes, by their names."""
    found: dict[str, list[ast.expr]] = {}
    for node in subject.walk(subject.tree):
        if type(node) not in ASSIGNMENTS:
            continue
        assert isinstance(node, AssignmentNode)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is not None:
            for name in {one.attr for one in targets if isinstance(one, ast.Attribute)}:
                found.setdefault(name, []).append(node.value)
    return found


def _returned(subject: Subject, name: str) -> list[ast.expr]:
    """What the only function of a name returns; nothing where several are called so."""
    named = [function for function in subject.functions if function.name == name]
    return _returns(subject, named[0]) if len(named) == 1 else []


def _returns(subject: Subject, function: FunctionNode) -> list[ast.expr]:
    return [
        node.value
        for node in subject.walk(function)
        if isinstance(node, ast.Return) and node.value is not None
    ]
