"""Histories as a source writes them, and the functions in which they are looked at."""

import ast
import re

from charter_engine.analysis.lint.subject import FunctionNode, Subject, dotted

_HISTORY = re.compile(
    r"(messages|msgs|history|chat_log|conversation|dialogue|transcript|turns|memory|context)$",
    re.IGNORECASE,
)


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


def functions_with_calls(subject: Subject) -> list[FunctionNode]:
    """Functions that make a call, methods of the classes that do, and what these call by name."""
    lines = [call.line for call in subject.compiled.calls]
    owners: list[ast.AST] = [
        node
        for node in subject.walk(subject.tree)
        if isinstance(node, ast.ClassDef)
        and any(node.lineno <= line <= (node.end_lineno or 0) for line in lines)
    ]
    inside = [
        function
        for owner in owners
        for function in subject.walk(owner)
        if isinstance(function, FunctionNode)
    ]
    direct = [
        node
        for node in subject.functions
        if any(node.lineno <= line <= (node.end_lineno or 0) for line in lines)
    ]
    asking = list(dict.fromkeys([*direct, *inside]))
    return list(dict.fromkeys([*asking, *_given_histories(subject, asking)]))


def _given_histories(subject: Subject, asking: list[FunctionNode]) -> list[FunctionNode]:
    """The functions of the file that are given a history by one of those that ask."""
    called = {
        dotted(node.func).rpartition(".")[2]
        for function in asking
        for node in subject.walk(function)
        if isinstance(node, ast.Call) and any(history_in(given) for given in node.args)
    }
    return [function for function in subject.functions if function.name in called]
