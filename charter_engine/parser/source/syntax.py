"""Questions about pieces of syntax that need no interpreting."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache

from charter_engine.parser.source.compact import by_kind, kinds_of_nodes
from charter_engine.parser.source.symbols import walk

WITH_STATEMENTS = frozenset("body orelse handlers finalbody cases".split())
"""Fields of statements that hold statements, or clauses with some."""


def annotation_names(node: ast.expr, imports: dict[str, str]) -> list[tuple[str, str]]:
    """Names in an annotation (through Optional, |, quotes), each with what its import makes of
    it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        names = [
            part.strip() for part in node.value.replace("Optional[", "").replace("]", "").split("|")
        ]
        return [
            (name, imports.get(name, "")) for name in names if name.replace(".", "").isidentifier()
        ]
    if isinstance(node, ast.Name):
        return [(node.id, imports.get(node.id, ""))]
    if isinstance(node, ast.Attribute):
        text = ast.unparse(node)
        first, _, rest = text.partition(".")
        return [(text, f"{imports.get(first, first)}.{rest}")]
    if isinstance(node, ast.BinOp):
        return annotation_names(node.left, imports) + annotation_names(node.right, imports)
    if isinstance(node, ast.Subscript) and first_name(node.value) in (
        "Optional",
        "Union",
        "Annotated",
        "Final",
        "ClassVar",
        "Required",
    ):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [name for part in parts for name in annotation_names(part, imports)]
    return []


def used_by(parents: dict[ast.AST, ast.AST], node: ast.expr) -> ast.AST | None:
    """What a call, awaited or not, stands in; None where that isn't kept."""
    parent = parents.get(node)
    return parents.get(parent) if isinstance(parent, ast.Await) else parent


def use_of(parents: dict[ast.AST, ast.AST], node: ast.Call) -> str:
    """A word for what becomes of a call's result: the name it is assigned to, or the attribute
    taken of it."""
    name = output_name(parents, node)
    if name is not None:
        return name
    parent = used_by(parents, node)
    if isinstance(parent, ast.Attribute):
        return (
            "text"
            if parent.attr in ("content", "text", "strip", "split", "lower", "output")
            else parent.attr
        )
    return "output" if isinstance(parent, ast.Return) else ""


def output_name(parents: dict[ast.AST, ast.AST], node: ast.AST) -> str | None:
    """The name a call's result is assigned to, looked through awaits, attributes, subscripts,
    comprehensions and `gather`, whose results are assigned by their places."""
    place: int | None = None
    for _ in range(8):
        parent = parents.get(node)
        if isinstance(parent, ast.Assign):
            return first_name(_at_place(parent.targets[0], place))
        if isinstance(parent, ast.AnnAssign | ast.NamedExpr | ast.AugAssign):
            return first_name(parent.target)
        if isinstance(parent, ast.withitem):
            return first_name(parent.optional_vars) if parent.optional_vars is not None else None
        if parent is None or not _passes_on(parent, node):
            return None
        if isinstance(parent, ast.Call) and isinstance(node, ast.expr) and parent.func is not node:
            place = None if isinstance(node, ast.Starred) else parent.args.index(node)
        node = parent
    return None


def _passes_on(parent: ast.AST, node: ast.AST) -> bool:
    """Whether what a node gives is what its parent gives, or a part of that."""
    if isinstance(parent, ast.Call):
        gathered = last_name(parent.func) == "gather" and node in parent.args
        return parent.func is node or gathered
    if isinstance(parent, ast.ListComp | ast.GeneratorExp):
        return parent.elt is node
    return isinstance(parent, ast.Await | ast.Attribute | ast.Subscript | ast.Starred)


def _at_place(target: ast.expr, place: int | None) -> ast.expr:
    """What the result at that place is assigned to; the whole target where that isn't told."""
    if isinstance(target, ast.Tuple | ast.List) and place is not None and place < len(target.elts):
        return target.elts[place]
    return target


def last_name(node: ast.expr) -> str:
    """The name a function is called by: `c` of `a.b.c`; empty: it has none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    return last_name(node.value) if isinstance(node, ast.Subscript) and is_generic(node) else ""


def is_generic(node: ast.expr) -> bool:
    """Whether an expression is a class with its parameters: `Agent[Context]`."""
    if not isinstance(node, ast.Subscript) or isinstance(node.slice, ast.Constant):
        return False
    name = last_name(node.value)
    return name[:1].isupper() and not name.isupper()


def without_parameters(node: ast.expr) -> ast.expr:
    """The class of `Agent[Context]`; any other expression as it is."""
    return node.value if isinstance(node, ast.Subscript) and is_generic(node) else node


def first_name(target: ast.expr) -> str | None:
    if isinstance(target, ast.Tuple | ast.List) and target.elts:
        return first_name(target.elts[0])
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else None


def pattern_names(pattern: ast.pattern) -> list[str]:
    return [
        name for node in ast.walk(pattern) if isinstance(name := getattr(node, "name", None), str)
    ]


def leaves_at_once(body: list[ast.stmt]) -> bool:
    """Whether a loop's body ends the loop unless something fails, or goes on with its next turn:
    the loop of a retry."""
    by = (ast.Return, ast.Break)
    return leaves(body, by) or any(
        isinstance(one, ast.If) and leaves_or_turns(one, by) for one in run_through(body)
    )


LOOPS = ast.For | ast.AsyncFor | ast.While


def leaves(body: list[ast.stmt], by: tuple[type[ast.stmt], ...]) -> bool:
    """Whether one of such statements ends a body unless something fails; of a loop in it, only a
    `return` does."""
    for statement in run_through(body):
        if isinstance(statement, by):
            return True
        if isinstance(statement, LOOPS) and leaves(statement.body, (ast.Return,)):
            return True
        if isinstance(statement, ast.If) and all(
            leaves(branch, by) for branch in (statement.body, statement.orelse)
        ):
            return True
    return False


def leaves_or_turns(statement: ast.If, by: tuple[type[ast.stmt], ...]) -> bool:
    """Whether each branch of an `if` is left, one of them by such a statement, and others perhaps
    for the next turn of the loop around it."""
    branches = (statement.body, statement.orelse)
    either = (*by, ast.Continue)
    return all(leaves(branch, either) for branch in branches) and any(
        leaves(branch, by) for branch in branches
    )


def run_through(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that a body goes through unless something fails, with those in a `try` or a
    `with`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.Try | ast.With | ast.AsyncWith):
            orelse = statement.orelse if isinstance(statement, ast.Try) else []
            yield from run_through(statement.body + orelse)


BLOCKS = by_kind(
    {
        kind: tuple(name for name in kind._fields if name in WITH_STATEMENTS)
        for kind in kinds_of_nodes()
        if not issubclass(kind, ast.expr)
    }
)


def statements(scope: ast.AST) -> list[ast.AST]:
    """A file, function or class and all statements in it, with the clauses of `try` and `match`
    that hold some; expressions are not entered."""
    found = [scope]
    for node in found:
        for block in BLOCKS[type(node)]:
            found += getattr(node, block)
    return found


def has_break(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Break) for statement in body for node in walk(statement))


def calls_members(node: ast.For | ast.AsyncFor) -> bool:
    """Whether a loop calls what it goes over, or names attributes or files by it: `step(state)`,
    `getattr(self, name)`, `open(f"prompts/{name}.txt")`."""
    names = {item.id for item in ast.walk(node.target) if isinstance(item, ast.Name)}
    calls = (item for part in node.body for item in walk(part) if isinstance(item, ast.Call))
    return any(
        isinstance(called, ast.Name) and called.id in names
        for call in calls
        for called in (call.func, *named_by(call))
    )


def calls_methods(node: ast.For | ast.AsyncFor) -> bool:
    """Whether a loop calls a method of what it goes over: `step.run(state)`."""
    names = {item.id for item in ast.walk(node.target) if isinstance(item, ast.Name)}
    functions = (
        item.func for part in node.body for item in walk(part) if isinstance(item, ast.Call)
    )
    return any(
        isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id in names
        for one in functions
    )


def named_by(call: ast.Call) -> Iterator[ast.AST]:
    """What a call names an attribute or a file by."""
    if is_reflection(call.func):
        yield from call.args[1:2]
    elif last_name(call.func) in ("open", "Path"):
        for given in call.args[:1]:
            yield from ast.walk(given)


def is_reflection(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id in ("getattr", "setattr")


def is_super(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    )


def outcome_of(test: ast.expr, outcome: Callable[[ast.expr], bool | None]) -> bool | None:
    """How a test comes out by the `outcome` of each part that `and`, `or` and `not` join in it;
    None where that is open."""
    match test:
        case ast.BoolOp(op=operator):
            settling = isinstance(operator, ast.Or)
            found = {outcome_of(part, outcome) for part in test.values}
            return settling if settling in found else None if None in found else not settling
        case ast.UnaryOp(op=ast.Not()):
            way = outcome_of(test.operand, outcome)
            return None if way is None else not way
    return outcome(test)


def parts_joined(test: ast.expr) -> list[ast.expr]:
    """The parts that `and`, `or` and `not` join in a test: each of which `outcome_of` may ask."""
    match test:
        case ast.BoolOp():
            return [part for value in test.values for part in parts_joined(value)]
        case ast.UnaryOp(op=ast.Not()):
            return parts_joined(test.operand)
    return [test]


def gives_all(node: ast.Call, known: str = "") -> bool:
    """Whether a call says one by one what it gives, beside what a dict holds that is `known`."""
    return not any(isinstance(item, ast.Starred) for item in node.args) and all(
        item.arg or (isinstance(item.value, ast.Name) and item.value.id == known)
        for item in node.keywords
    )


@lru_cache(maxsize=4)
def names_stored(node: ast.AST) -> frozenset[str]:
    """The names and attributes that a loop assigns, or that a function is given or assigns: looked
    for once, since all the calls in one ask for them."""
    found: set[str] = set()
    for item in walk(node):
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            found.add(item.id)
        elif isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Store):
            found.add(ast.unparse(item))
        elif isinstance(item, ast.arg) and item.arg not in ("self", "cls"):
            found.add(item.arg)
    return frozenset(found)


def path_of(node: ast.expr) -> tuple[str, ...]:
    """The names of an attribute path, nearest last; a call or subscript in it ends it at the
    left."""
    names: list[str] = []
    node = without_parameters(node)
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
        while isinstance(node, ast.Subscript | ast.Await):
            node = node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    elif isinstance(node, ast.Call):
        inner = path_of(node.func)
        names += [f"{inner[-1]}()"] if inner else []
    return tuple(names[::-1])


def safe_end(body: list[ast.stmt]) -> int:
    """How many statements at the end of a block no error can follow: what they do to a list is not
    seen by those who handle one."""
    count = 0
    while count < len(body) and is_safe(body[-1 - count]):
        count += 1
    return count + 1 if count < len(body) and adds_last(body[-1 - count]) else 0


def is_safe(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Break | ast.Continue | ast.Pass):
        return True
    value = statement.value if isinstance(statement, ast.Return) else statement
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return all(part is None or isinstance(part, ast.Name | ast.Constant) for part in parts)


def adds_last(statement: ast.stmt) -> bool:
    """Whether a statement does nothing but add to a list: `messages.append(…)`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and last_name(call.func) in ("append", "extend")


def declared_fields(node: ast.ClassDef) -> list[str]:
    """The names of the fields that a class declares."""
    return [
        item.target.id
        for item in node.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]


def is_endless(node: ast.While) -> bool:
    """Whether only a `break` or `return` ends a loop, so that its body runs at least once."""
    return isinstance(node.test, ast.Constant) and bool(node.test.value)


def are_alternatives(tree: ast.Module, one: ast.expr, other: ast.expr) -> bool:
    """Whether two expressions stand in different branches of the same `if`, so that a run comes to
    one of them at most."""
    conditions = [node for node in ast.walk(tree) if isinstance(node, ast.If)]
    return any(
        (stands_in(node.body, one) and stands_in(node.orelse, other))
        or (stands_in(node.orelse, one) and stands_in(node.body, other))
        for node in conditions
    )


def stands_in(body: list[ast.stmt], node: ast.expr) -> bool:
    """Whether a node is part of a block, by their lines."""
    return bool(body) and body[0].lineno <= node.lineno <= (body[-1].end_lineno or 0)
