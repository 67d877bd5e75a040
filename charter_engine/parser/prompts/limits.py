"""What a program keeps of a history: windows, trims, and lists that are begun anew."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import takewhile

from charter_engine.contracts.graph import LimitUnit
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.symbols import (
    ClassDefinition,
    FunctionDefinition,
    dotted_name,
    walk,
)
from charter_engine.parser.source.syntax import last_name, statements
from charter_engine.parser.values.values import Box, Element, Limit, Value

Evaluate = Callable[[Frame, ast.expr], Value]

UNKNOWN_SIZE = 0
"""Of a window whose size only the running program knows."""

TRIMMING = frozenset("trim_messages truncate_messages trim_history truncate_history".split())
BOUNDING = TRIMMING | {"deque"}
CUTTING = frozenset(("pop", "popleft", "remove"))


def window_of(frame: Frame, index: ast.Slice, evaluate: Evaluate) -> Limit | None:
    """The window that `[-n:]` is."""
    lower = index.lower
    if index.upper is not None or not isinstance(lower, ast.UnaryOp):
        return None
    if not isinstance(lower.op, ast.USub):
        return None
    return Limit(number_of(evaluate(frame, lower.operand)))


def head_of(frame: Frame, index: ast.Slice, evaluate: Evaluate) -> int:
    """How many members `[:n]` takes; 0 where it is another slice."""
    if index.lower is not None or index.step is not None or index.upper is None:
        return 0
    constant = evaluate(frame, index.upper).constant
    number = constant[0] if constant is not None else None
    return number if isinstance(number, int) and number > 0 else 0


def bounded(frame: Frame, shape: CallShape) -> Value | None:
    """What `deque(maxlen=n)` or `trim_messages(x, max_tokens=n)` makes of a list; None where a call
    is neither, or there is no list."""
    if shape.verb not in BOUNDING:
        return None
    given = {str(number): value for number, (_, value) in enumerate(shape.positional)}
    given |= {keyword: value for keyword, _, value in shape.keywords}
    limit = bound_of(shape.verb, given)
    first = given.get("0") or given.get("messages")
    if limit is not None and first is None:
        fresh = Box("list", depth=frame.certainty, branches=frame.branches, limit=limit)
        return Value(box=fresh)
    if limit is None or first is None or first.box is None or first.box.kind != "list":
        return None
    return Value(box=limited(first.box, limit), origins=first.origins)


def bound_of(name: str, given: dict[str, Value]) -> Limit | None:
    if name == "deque" and ("maxlen" in given or "1" in given):
        return Limit(number_of(given.get("maxlen") or given["1"]))
    if name in TRIMMING:
        return Limit(number_of(given.get("max_tokens") or given.get("1") or Value()), "tokens")
    return None


def cut_at(frame: Frame, history: ast.expr, evaluate: Evaluate) -> Limit | None:
    """The size at which a history is cut here, by the test around: `if len(history) > n`."""
    compared = [node for test in tests_around(frame) for node in sizes_tested(test)]
    name = ast.unparse(history) if compared else ""
    for node in compared:
        unit = measured(node.left, name)
        if unit is not None:
            return Limit(number_of(evaluate(frame, node.comparators[0])), unit)
    return None


@lru_cache(maxsize=1024)
def sizes_tested(test: ast.expr) -> list[ast.Compare]:
    """What a test holds of the form `f(…) > n`."""
    return [
        node
        for node in walk(test)
        if isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.Gt | ast.GtE)
        and isinstance(node.left, ast.Call)
    ]


def tests_around(frame: Frame) -> Iterator[ast.expr]:
    """The tests on which a frame's place depends: those in its function, else those on which its
    class calls it."""
    if not frame.conditions and not frame.loops and frame.function is not None:
        yield from tests_before_calling(frame.function)
    yield from (test for test in frame.conditions[-1:] if isinstance(test, ast.expr))
    yield from (loop.node.test for loop in frame.loops[-1:] if isinstance(loop.node, ast.While))


def tests_before_calling(method: FunctionDefinition) -> list[ast.expr]:
    """The tests on which the methods of a class call one: `if len(self.log) > n:
    self.shorten()`."""
    owner = method.owner
    if owner is None:
        return []
    if owner.tests is None:
        owner.tests = tests_by_called(owner)
    return owner.tests.get(method.name, [])


def tests_by_called(owner: ClassDefinition) -> dict[str, list[ast.expr]]:
    """The tests of a size on which the methods of a class call each other, by the name of the
    called."""
    found: dict[str, list[ast.expr]] = {}
    for method in owner.methods.values():
        if any(dotted_name(call.func).startswith("self.") for call in method.calls):
            for node in statements(method.node):
                if isinstance(node, ast.If) and sizes_tested(node.test):
                    for name in own_methods_called(node.body):
                        found.setdefault(name, []).append(node.test)
    return found


def own_methods_called(body: list[ast.stmt]) -> set[str]:
    """The names of the methods that some statements call on `self`."""
    called = {
        dotted_name(node.func)
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    }
    return {name.removeprefix("self.") for name in called if name.startswith("self.")}


def measured(node: ast.expr, name: str) -> LimitUnit | None:
    """What a test counts of a history: `len(history)`, `count_tokens(history)`."""
    if not isinstance(node, ast.Call) or name not in (ast.unparse(item) for item in node.args):
        return None
    called = last_name(node.func)
    if called == "len":
        return "messages"
    return "tokens" if "token" in called.lower() else None


def begun_anew(held: Box, fresh: Box, written: ast.expr, name: str, limit: Limit) -> Box:
    """A history with what it begins with once it is longer than its limit."""
    kept = kept_by(held, fresh, written, name)
    known = {element.place for element in held.items if element.place}
    anew = Limit(limit.size, limit.unit, kept, begins=True)
    box = limited(held, Limit(limit.size, limit.unit, kept))
    box.items += [
        Element(element.value, True, element.place, limit=anew)
        for element in fresh.items[kept:]
        if element.place not in known
    ]
    return box


def windowed(held: Box, kept: int, window: Limit) -> Box:
    """A history of which the end is kept, behind so many of its first members."""
    return limited(held, Limit(window.size + kept, window.unit, kept))


def limited(held: Box, limit: Limit) -> Box:
    """The same members, with a limit."""
    box = Box("list", list(held.items), rest=held.rest, depth=held.depth, branches=held.branches)
    box.limit = limit
    return box


def kept_by(held: Box, fresh: Box, written: ast.expr, name: str) -> int:
    """How many members of a history stand first in the list that replaces it: taken from it, or
    the same constant messages written out again."""
    written_out = first_written(written)
    count = len(written_out.elts) if isinstance(written_out, ast.List) else 0
    pairs = zip(held.items[:count], fresh.items[:count], strict=False)
    same = takewhile(lambda pair: is_same_message(pair[0].value, pair[1].value), pairs)
    return max(kept_members(written, name), sum(1 for _ in same))


def is_same_message(first: Value, second: Value) -> bool:
    """Whether two members are the same constant text, as messages or by themselves."""
    if first is second:
        return True
    if first.box is not None and second.box is not None:
        return first.box.fields.keys() == second.box.fields.keys() != set() and all(
            is_same_message(value, second.box.fields[name])
            for name, value in first.box.fields.items()
        )
    text = first.static_text()
    return text is not None and text == second.static_text()


def kept_members(written: ast.expr, name: str) -> int:
    """How many members of the history before stand first in the list that replaces it."""
    written = first_written(written)
    first = written.elts[0] if isinstance(written, ast.List) and written.elts else written
    if not isinstance(first, ast.Subscript) or ast.unparse(first.value) != name:
        return 0
    index = first.slice.upper if isinstance(first.slice, ast.Slice) else first.slice
    if not isinstance(index, ast.Constant) or not isinstance(index.value, int):
        return 0
    return index.value if isinstance(first.slice, ast.Slice) else index.value + 1


def first_written(written: ast.expr) -> ast.expr:
    """The first of several lists that are added up."""
    while isinstance(written, ast.BinOp):
        written = written.left
    return written


def number_of(value: Value) -> int:
    number = value.constant[0] if value.constant is not None else None
    return abs(number) if isinstance(number, int) else UNKNOWN_SIZE
