"""Rules on what grows: histories, tool lists, system prompts of a running conversation."""

import ast
import re
from collections.abc import Iterator

from charter_engine.analysis.lint.conversations import history_in, nodes_with_calls
from charter_engine.analysis.lint.origins import unordered_source
from charter_engine.analysis.lint.subject import Subject, dotted
from charter_engine.contracts.graph import Call
from charter_engine.contracts.lint import Finding
from charter_engine.parser.source.syntax import last_name
from charter_engine.prompts.parts import is_constant

_CHOICES = re.compile(r"(tools?|functions|examples?|few_?shots?|demos|shots)$", re.IGNORECASE)
_CONTENT = {"content", "thinking", "reasoning_content", "tool_calls"}
_REWRITING = re.compile(r"thinking|reasoning|tool|\[:")
_OFFERED = {"tools", "functions"}
_OFFERING = {"bind_tools", "bind_functions"}
_SHUFFLES = {"random.shuffle", "random.sample", "random.choices", "shuffle", "sample"}
_SHUFFLING = {"shuffle", "sample", "choices"}


def history_rewritten(subject: Subject) -> Iterator[Finding]:
    """`history-rewritten`: messages that were sent are shortened, emptied or left out later, as
    tool results and thinking often are."""
    for node in nodes_with_calls(subject, ast.For, ast.ListComp, ast.Assign):
        name = _rewritten(subject, node)
        if name is not None:
            yield subject.finding(
                "history-rewritten",
                node.lineno,
                message=f"messages of {name} are changed after they were sent: what follows "
                "them is computed again",
                confidence="uncertain",
                reason="whether it reaches a prompt is judged by its name",
            )


def _rewritten(subject: Subject, node: ast.AST) -> str | None:
    """The name of a history whose earlier messages a node changes."""
    if isinstance(node, ast.For):
        return _rewritten_in_loop(subject, node)
    if isinstance(node, ast.ListComp) and _is_older_part(node.generators[0].iter):
        over = history_in(node.generators[0].iter)
        is_changed = not isinstance(node.elt, ast.Name) and _REWRITING.search(ast.unparse(node.elt))
        return over if is_changed else None
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.ListComp):
        over = history_in(node.value.generators[0].iter)
        if over is None or not any(dotted(target) == over for target in node.targets):
            return None
        chosen = ast.unparse(node.value.generators[0]) + ast.unparse(node.value.elt)
        return over if _REWRITING.search(chosen) else None
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        message = node.targets[0].value
        is_content = _is_content(node.targets[0].slice)
        if is_content and isinstance(message, ast.Subscript) and not _is_last(message.slice):
            return history_in(message.value)
    return None


def _rewritten_in_loop(subject: Subject, node: ast.For) -> str | None:
    """The history whose messages a loop that goes over them changes."""
    over = history_in(node.iter)
    if over is None:
        return None
    names = [part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)]
    changes = (
        _changes(part, names[-1]) or _replaces(part, over, names[0]) for part in subject.walk(node)
    )
    return over if any(changes) else None


def _is_older_part(node: ast.expr) -> bool:
    """Whether an expression is `x[:-n]`: all but the newest."""
    index = node.slice if isinstance(node, ast.Subscript) else None
    is_end = isinstance(index, ast.Slice) and isinstance(index.upper, ast.UnaryOp)
    return is_end and isinstance(index, ast.Slice) and index.lower is None


def _replaces(node: ast.AST, history: str, index: str) -> bool:
    """Whether a node puts another message in the place of one of a history."""
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Subscript)
        and dotted(target.value) == history
        and dotted(target.slice) == index
        for target in node.targets
    )


def _changes(node: ast.AST, message: str) -> bool:
    """Whether a node changes the content of a message."""
    if isinstance(node, ast.Assign) and _is_made_of(node.value, message):
        is_less = bool(_REWRITING.search(ast.unparse(node.value)))
        return is_less and any(dotted(target) == message for target in node.targets)
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(_is_content_of(target, message) for target in targets)
    if isinstance(node, ast.Delete):
        return any(_is_content_of(target, message) for target in node.targets)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        is_own = node.func.attr == "pop" and dotted(node.func.value) == message
        return is_own and _is_content(node.args[0])
    return False


def _is_made_of(node: ast.expr, message: str) -> bool:
    """Whether a value is a message with another content: `{**m, "content": …}`, `dict(m, …)`."""
    if isinstance(node, ast.Dict):
        spread = [
            dotted(value) for key, value in zip(node.keys, node.values, strict=True) if key is None
        ]
        return message in spread and any(key is not None and _is_content(key) for key in node.keys)
    if isinstance(node, ast.Call) and dotted(node.func) == "dict":
        given = {keyword.arg for keyword in node.keywords}
        return [dotted(one) for one in node.args] == [message] and bool(given & _CONTENT)
    return False


def _is_content_of(target: ast.expr, message: str) -> bool:
    if isinstance(target, ast.Attribute):
        return target.attr in _CONTENT and dotted(target.value) == message
    if isinstance(target, ast.Subscript):
        return _is_content(target.slice) and dotted(target.value) == message
    return False


def _is_content(index: ast.expr) -> bool:
    return isinstance(index, ast.Constant) and index.value in _CONTENT


def _is_last(index: ast.expr) -> bool:
    return isinstance(index, ast.UnaryOp) and ast.unparse(index) == "-1"


def order_changes(subject: Subject) -> Iterator[Finding]:
    """`tool-order-changes`: tools or examples shuffled, sampled, or taken out of a set."""
    for node in nodes_with_calls(subject, ast.Call):
        if last_name(node.func) in _SHUFFLING:
            yield from _shuffled(subject, node)
    for node in subject.calls:
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
    given = [(item.arg, item.value) for item in node.keywords if item.arg in _OFFERED]
    if last_name(node.func) in _OFFERING and node.args:
        given.append(("tools", node.args[0]))
    for offered, value in given:
        source = unordered_source(subject, value, node.lineno)
        if source is not None:
            yield subject.finding(
                "tool-order-changes",
                source.lineno,
                message=f"{offered} come out of a set or folder, in no fixed order",
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
    """Indices of what fills the system message. What has no role may stand in any."""
    for index, segment in enumerate(call.segments):
        varies = segment.kind in {"variable", "upstream"} and not is_constant(segment)
        if segment.role == "system" and varies and not segment.fixed:
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
