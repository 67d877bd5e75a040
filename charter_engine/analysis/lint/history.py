"""Rules on what grows: histories, tool lists, system prompts of a running conversation."""

import ast
import re
from collections.abc import Iterator

from charter_engine.analysis.lint.origins import unordered_source
from charter_engine.analysis.lint.subject import FunctionNode, Subject, dotted
from charter_engine.contracts.graph import Call
from charter_engine.contracts.lint import Finding
from charter_engine.prompts.parts import is_constant

_HISTORY = re.compile(
    r"(messages|msgs|history|chat_log|conversation|dialogue|transcript|turns|memory|context)$",
    re.IGNORECASE,
)
_CHOICES = re.compile(r"(tools?|functions|examples?|few_?shots?|demos|shots)$", re.IGNORECASE)
_CONTENT = {"content", "thinking", "reasoning_content", "tool_calls"}
_REWRITING = re.compile(r"thinking|reasoning|tool|\[:")
_TRIMMING = {"trim_messages", "truncate_messages", "trim_history", "truncate_history"}
_SHUFFLES = {"random.shuffle", "random.sample", "random.choices", "shuffle", "sample"}


def history_cut(subject: Subject) -> Iterator[Finding]:
    """`history-cut-at-front`: `pop(0)`, `del x[0]`, `insert(0, …)`, `x[-n:]`, `x[len(x) - n:]`,
    `trim_messages(x)`, `deque(maxlen=n)` for what a prompt is made of."""
    for function in _functions_with_calls(subject):
        for node in subject.walk(function):
            name = _cut(subject, node)
            if name is not None and _HISTORY.search(name):
                yield subject.finding(
                    "history-cut-at-front",
                    node.lineno,  # type: ignore[attr-defined]
                    message=f"{name} is changed at its front: what follows is computed again",
                    confidence="uncertain",
                    reason="whether it reaches a prompt is judged by its name",
                )


def history_rewritten(subject: Subject) -> Iterator[Finding]:
    """`history-rewritten`: messages that were sent are shortened, emptied or left out later, as
    tool results and thinking often are."""
    for function in _functions_with_calls(subject):
        for node in subject.walk(function):
            name = _rewritten(subject, node)
            if name is not None:
                yield subject.finding(
                    "history-rewritten",
                    node.lineno,  # type: ignore[attr-defined]
                    message=f"messages of {name} are changed after they were sent: what follows "
                    "them is computed again",
                    confidence="uncertain",
                    reason="whether it reaches a prompt is judged by its name",
                )


def _rewritten(subject: Subject, node: ast.AST) -> str | None:
    """The name of a history whose earlier messages a node changes."""
    if isinstance(node, ast.For):
        over = _history_in(node.iter)
        names = [part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)]
        changes = (
            _changes(part, names[-1]) or _replaces(part, over or "", names[0])
            for part in subject.walk(node)
        )
        return over if over and any(changes) else None
    if isinstance(node, ast.ListComp) and _is_older_part(node.generators[0].iter):
        over = _history_in(node.generators[0].iter)
        is_changed = not isinstance(node.elt, ast.Name) and _REWRITING.search(ast.unparse(node.elt))
        return over if is_changed else None
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.ListComp):
        over = _history_in(node.value.generators[0].iter)
        chosen = ast.unparse(node.value.generators[0]) + ast.unparse(node.value.elt)
        is_same = over is not None and any(dotted(target) == over for target in node.targets)
        return over if is_same and _REWRITING.search(chosen) else None
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        message = node.targets[0].value
        is_content = _is_content(node.targets[0].slice)
        if is_content and isinstance(message, ast.Subscript) and not _is_last(message.slice):
            return _history_in(message.value)
    return None


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


def _history_in(node: ast.expr) -> str | None:
    """The history that an expression goes over, or over part of."""
    while isinstance(node, ast.Subscript | ast.Call | ast.ListComp):
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.ListComp):
            node = node.generators[0].iter
        elif dotted(node.func) in {"enumerate", "reversed", "list"} and node.args:
            node = node.args[0]
        else:
            return None
    name = dotted(node)
    return name if _HISTORY.search(name) else None


def _changes(node: ast.AST, message: str) -> bool:
    """Whether a node changes the content of a message."""
    if isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(_is_content_of(target, message) for target in targets)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        is_own = node.func.attr == "pop" and dotted(node.func.value) == message
        return is_own and _is_content(node.args[0])
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


def _cut(subject: Subject, node: ast.AST) -> str | None:
    """The name of what a node cuts at its front."""
    if isinstance(node, ast.Call):
        return _cut_by_call(subject, node)
    if isinstance(node, ast.Delete):
        cut = [
            dotted(target.value)
            for target in node.targets
            if isinstance(target, ast.Subscript) and _from_front(target.slice)
        ]
        return cut[0] if cut else None
    if isinstance(node, ast.Subscript) and _is_moving_tail(subject, node):
        return _history_in(node.value)
    return _cut_by_assignment(node) if isinstance(node, ast.Assign | ast.AnnAssign) else None


def _cut_by_assignment(node: ast.Assign | ast.AnnAssign) -> str | None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if isinstance(node.value, ast.Subscript):
        owner = dotted(node.value.value)
        keeps_tail = isinstance(node.value.slice, ast.Slice) and _keeps_tail(node.value.slice)
        if keeps_tail and any(dotted(target) == owner for target in targets):
            return owner
    return dotted(targets[0]) if _is_bounded(node.value) else None


def _cut_by_call(subject: Subject, node: ast.Call) -> str | None:
    name = dotted(node.func).rpartition(".")[2]
    if name in _TRIMMING and node.args:
        return dotted(node.args[0])
    if name == "islice" and len(node.args) > 2 and _is_counted_back(subject, node.args[1]):
        return dotted(node.args[0])
    if not isinstance(node.func, ast.Attribute):
        return None
    first = node.args[0] if node.args else None
    at_front = isinstance(first, ast.Constant) and first.value in {0, 1}
    if node.func.attr == "popleft" or (node.func.attr in {"pop", "insert"} and at_front):
        return dotted(node.func.value)
    return None


def _is_moving_tail(subject: Subject, node: ast.Subscript) -> bool:
    """Whether a subscript is `[-n:]` or `[len(x) - n:]`: a window that moves on as what it is taken
    of grows. The last member alone is none."""
    index = node.slice
    if not isinstance(index, ast.Slice) or index.lower is None or index.upper is not None:
        return False
    if not isinstance(index.lower, ast.UnaryOp):
        return _is_counted_back(subject, index.lower)
    is_last = isinstance(index.lower.operand, ast.Constant) and index.lower.operand.value == 1
    return isinstance(index.lower.op, ast.USub) and not is_last


def _is_counted_back(subject: Subject, start: ast.expr) -> bool:
    """Whether the start of a window is counted from the end: `len(x) - n`, also by a name."""
    origin = subject.origin(ast.unparse(start), start.lineno)
    return any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and isinstance(node.left, ast.Call)
        and dotted(node.left.func) == "len"
        for node in ast.walk(origin or start)
    )


def _is_bounded(node: ast.expr | None) -> bool:
    """Whether a value is `deque(maxlen=n)`, which drops its front when it is full."""
    if not isinstance(node, ast.Call) or dotted(node.func).rpartition(".")[2] != "deque":
        return False
    return len(node.args) > 1 or any(keyword.arg == "maxlen" for keyword in node.keywords)


def _from_front(index: ast.expr) -> bool:
    """Whether `del x[…]` takes the first members; without an end it empties the whole."""
    if isinstance(index, ast.Slice):
        starts = index.lower is None or (
            isinstance(index.lower, ast.Constant) and index.lower.value in {0, 1}
        )
        return starts and index.upper is not None
    return isinstance(index, ast.Constant) and index.value in {0, 1}


def _keeps_tail(index: ast.Slice) -> bool:
    return index.lower is not None and index.upper is None and not _is_zero(index.lower)


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def order_changes(subject: Subject) -> Iterator[Finding]:
    """`tool-order-changes`: tools or examples shuffled, sampled, or taken out of a set."""
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
        if keyword.arg in {"tools", "functions"}:
            source = unordered_source(subject, keyword.value, node.lineno)
            if source is not None:
                yield subject.finding(
                    "tool-order-changes",
                    source.lineno,
                    message=f"{keyword.arg} come out of a set or folder, in no fixed order",
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
