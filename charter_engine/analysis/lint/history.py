"""Rules on what grows: histories, tool lists, system prompts of a running conversation."""

import ast
import re
from collections.abc import Iterator

from charter_engine.analysis.lint.subject import FunctionNode, Subject, dotted
from charter_engine.contracts.graph import Call
from charter_engine.contracts.lint import Finding

_HISTORY = re.compile(
    r"(messages|history|chat_log|conversation|transcript|turns|memory|context)$", re.IGNORECASE
)
_CHOICES = re.compile(r"(tools?|functions|examples?|few_?shots?|demos|shots)$", re.IGNORECASE)
_SHUFFLES = {"random.shuffle", "random.sample", "random.choices", "shuffle", "sample"}


def history_cut(subject: Subject) -> Iterator[Finding]:
    """`history-cut-at-front`: `pop(0)`, `del x[0]`, `insert(0, …)`, `x = x[-n:]` on what a prompt
    is made of."""
    for function in _functions_with_calls(subject):
        for node in subject.walk(function):
            name = _cut(node)
            if name is not None and _HISTORY.search(name):
                yield subject.finding(
                    "history-cut-at-front",
                    node.lineno,  # type: ignore[attr-defined]
                    message=f"{name} is changed at its front: what follows is computed again",
                    confidence="uncertain",
                    reason="whether it reaches a prompt is judged by its name",
                )


def _functions_with_calls(subject: Subject) -> list[FunctionNode]:
    """Functions that make a call, and methods of the classes that do."""
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
    return list(dict.fromkeys([*direct, *inside]))


def _cut(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        first = node.args[0]
        if (
            node.func.attr in {"pop", "insert"}
            and isinstance(first, ast.Constant)
            and first.value == 0
        ):
            return dotted(node.func.value)
    if isinstance(node, ast.Delete):
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _from_front(target.slice):
                return dotted(target.value)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
        owner = dotted(node.value.value)
        keeps_tail = isinstance(node.value.slice, ast.Slice) and _keeps_tail(node.value.slice)
        if keeps_tail and any(dotted(target) == owner for target in node.targets):
            return owner
    return None


def _from_front(index: ast.expr) -> bool:
    if isinstance(index, ast.Slice):
        return index.lower is None or (
            isinstance(index.lower, ast.Constant) and index.lower.value in {0, 1}
        )
    return isinstance(index, ast.Constant) and index.value in {0, 1}


def _keeps_tail(index: ast.Slice) -> bool:
    return index.lower is not None and index.upper is None and not _is_zero(index.lower)


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def order_changes(subject: Subject) -> Iterator[Finding]:
    """`tool-order-changes`: tools or examples shuffled, sampled, or kept in a set."""
    for function in _functions_with_calls(subject):
        for node in subject.walk(function):
            if isinstance(node, ast.Call):
                yield from _shuffled(subject, node)
                yield from _set_of_tools(subject, node)


def _shuffled(subject: Subject, node: ast.Call) -> Iterator[Finding]:
    if dotted(node.func) in _SHUFFLES and node.args and _CHOICES.search(dotted(node.args[0])):
        yield subject.finding(
            "tool-order-changes",
            node.lineno,
            message=f"{dotted(node.args[0])} is put into a random order",
            confidence="uncertain",
            reason="whether it reaches a prompt is judged by its name",
        )


def _set_of_tools(subject: Subject, node: ast.Call) -> Iterator[Finding]:
    for keyword in node.keywords:
        if keyword.arg in {"tools", "functions"} and isinstance(
            keyword.value, ast.Set | ast.SetComp
        ):
            yield subject.finding(
                "tool-order-changes", keyword.value.lineno, message=f"{keyword.arg} is a set"
            )


def system_rebuilt(subject: Subject) -> Iterator[Finding]:
    """`system-prompt-rebuilt`: a repeated call whose system message holds something that is not
    constant."""
    for call in subject.compiled.calls:
        if call.in_loop or call.repeated_by:
            index = next(_varying_in_system(call), None)
            if index is not None:
                yield _rebuilt(subject, call, index)


def _varying_in_system(call: Call) -> Iterator[int]:
    """Indices of what fills the system message; a role holds until the next one begins."""
    role = None
    for index, segment in enumerate(call.segments):
        role = segment.role or role
        if role == "system" and segment.kind in {"variable", "upstream"}:
            yield index


def _rebuilt(subject: Subject, call: Call, index: int) -> Finding:
    segment = call.segments[index]
    doubtful = segment.kind == "variable"
    return subject.finding(
        "system-prompt-rebuilt",
        segment.line or call.line,
        message=f"the system prompt of a repeated call holds {segment.name or segment.expression}",
        confidence="uncertain" if doubtful else "certain",
        reason="the variable may hold the same value in every turn" if doubtful else "",
        node=call.id,
        tokens=sum(other.tokens or 0 for other in call.segments[index + 1 :]),
    )
