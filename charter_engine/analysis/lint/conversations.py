"""Histories as a source writes them, and the functions in which they are looked at."""

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from charter_engine.analysis.lint.subject import FUNCTIONS, FunctionNode, Subject, dotted
from charter_engine.parser.source.syntax import last_name

_HISTORY = re.compile(
    r"(messages|msgs|history|chat_log|conversation|dialogue|transcript|turns|memory|context)$",
    re.IGNORECASE,
)
_LOOKED_AT = FUNCTIONS | {
    ast.AnnAssign,
    ast.Assign,
    ast.Call,
    ast.Delete,
    ast.For,
    ast.ListComp,
    ast.Subscript,
}


def names_history(name: str) -> bool:
    return bool(_HISTORY.search(name))


def history_in(node: ast.expr) -> str | None:
    """The history that an expression goes over, or over part: a name, or a key of a state."""
    while isinstance(node, ast.Subscript | ast.Call | ast.ListComp):
        if isinstance(node, ast.Subscript):
            key = _text(node.slice)
            if names_history(key):
                return key
            node = node.value
        elif isinstance(node, ast.ListComp):
            node = node.generators[0].iter
        elif dotted(node.func).endswith(".get") and node.args and _text(node.args[0]):
            key = _text(node.args[0])
            return key if names_history(key) else None
        elif dotted(node.func) in {"enumerate", "reversed", "list"} and node.args:
            node = node.args[0]
        else:
            return None
    name = dotted(node)
    return name if names_history(name) else None


def _text(node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_text and isinstance(node, ast.Constant) else ""


def nodes_with_calls(subject: Subject, *kinds: type[ast.AST]) -> Iterator[Any]:
    """What stands, of some of the kinds that are looked at, in functions that make a call, in
    methods of the classes that do, and in what these call by name."""
    by_kind = subject.once(_nodes_with_calls)
    return chain.from_iterable(by_kind.get(kind, ()) for kind in kinds)


def _nodes_with_calls(subject: Subject) -> dict[type[ast.AST], list[ast.AST]]:
    asking = _functions_with_calls(subject)
    nodes = _nodes_in(subject, asking)
    given = _given_histories(subject, nodes)
    found: dict[type[ast.AST], list[ast.AST]] = {}
    for node in _nodes_in(subject, [*asking, *given]) if given else nodes:
        found.setdefault(type(node), []).append(node)
    return found


def _nodes_in(subject: Subject, functions: list[FunctionNode]) -> dict[ast.AST, None]:
    """What is looked at in some functions, once also where one stands in another."""
    found: dict[ast.AST, None] = {}
    for function in functions:
        if function not in found:
            nodes = [node for node in subject.walk(function) if type(node) in _LOOKED_AT]
            found.update(dict.fromkeys(nodes))
    return found


def _functions_with_calls(subject: Subject) -> list[FunctionNode]:
    lines = [call.line for call in subject.compiled.calls]
    owners = [
        node
        for node in subject.walk(subject.tree)
        if type(node) is ast.ClassDef and _is_around(node, lines)
    ]
    return [
        function
        for function in subject.functions
        if _is_around(function, lines)
        or any(_is_around(owner, [function.lineno]) for owner in owners)
    ]


def _is_around(node: FunctionNode | ast.ClassDef, lines: list[int]) -> bool:
    last = node.end_lineno or 0
    return any(node.lineno <= line <= last for line in lines)


def _given_histories(subject: Subject, nodes: Iterable[ast.AST]) -> list[FunctionNode]:
    """The functions of the file that are given a history by one of those that ask."""
    called = {
        last_name(node.func)
        for node in nodes
        if type(node) is ast.Call and any(map(history_in, node.args))
    }
    return [function for function in subject.functions if function.name in called]
