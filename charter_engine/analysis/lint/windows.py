"""The rule on histories of which only a part is kept, in whatever way that is written."""

import ast
from collections.abc import Iterator

from charter_engine.analysis.lint.conversations import (
    history_in,
    names_history,
    nodes_with_calls,
)
from charter_engine.analysis.lint.subject import Subject, dotted
from charter_engine.contracts.lint import Finding
from charter_engine.parser.source.syntax import last_name

_TRIMMING = {"trim_messages", "truncate_messages", "trim_history", "truncate_history"}
_BOUNDED = {
    "ConversationBufferWindowMemory",
    "ConversationTokenBufferMemory",
    "ConversationSummaryBufferMemory",
    "ChatMemoryBuffer",
    "BufferedChatCompletionContext",
    "TokenLimitedChatCompletionContext",
    "HeadAndTailChatCompletionContext",
    "SlidingWindowConversationManager",
}
"""Memories of LangChain, LlamaIndex, AutoGen and Strands that keep a part of a conversation."""
_CUTTING = (ast.Call, ast.Delete, ast.Subscript, ast.For, ast.Assign, ast.AnnAssign)


def history_cut(subject: Subject) -> Iterator[Finding]:
    """`history-cut-at-front`: `pop(0)`, `del x[0]`, `insert(0, …)`, `x[-n:]`, `x[len(x) - n:]`,
    `x[1:-n] = []`, `trim_messages(x)`, `deque(maxlen=n)`, the newest up to a budget, for what a
    prompt is made of; and the frameworks' memories that keep a window."""
    told: set[tuple[str, int]] = set()
    for node in nodes_with_calls(subject, *_CUTTING):
        name = _cut(subject, node)
        if name is not None and names_history(name):
            told.add((name, node.lineno))
    for node in subject.calls:
        if name := _bounded_memory(node):
            told.add((name, node.lineno))
    for name, line in sorted(told, key=lambda item: (item[1], item[0])):
        yield subject.finding(
            "history-cut-at-front",
            line,
            message=f"{name} is changed at its front: what follows is computed again",
            confidence="uncertain",
            reason="whether it reaches a prompt is judged by its name",
        )


def _bounded_memory(node: ast.Call) -> str:
    """The name of a memory that keeps a window, or of a trimmer that is part of a chain."""
    name = last_name(node.func)
    if name == "from_defaults":
        name = dotted(node.func).removesuffix(".from_defaults").rpartition(".")[2]
    is_trimmer = name == "trim_messages" and not node.args
    return name if name in _BOUNDED or is_trimmer else ""


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
        return history_in(node.value)
    if isinstance(node, ast.For):
        return _newest_of(node)
    return _cut_by_assignment(node) if isinstance(node, ast.Assign | ast.AnnAssign) else None


def _newest_of(node: ast.For) -> str | None:
    """The history of which a loop takes the newest until something is full."""
    is_backwards = isinstance(node.iter, ast.Call) and dotted(node.iter.func) == "reversed"
    is_turned = isinstance(node.iter, ast.Subscript) and ast.unparse(node.iter.slice) == "::-1"
    if not (is_backwards or is_turned):
        return None
    stops = any(isinstance(part, ast.Break) for part in ast.walk(node))
    adds = any(
        isinstance(part, ast.Call) and dotted(part.func).endswith((".append", ".insert"))
        for part in ast.walk(node)
    )
    return history_in(node.iter) if stops and adds else None


def _cut_by_assignment(node: ast.Assign | ast.AnnAssign) -> str | None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if isinstance(node.value, ast.Subscript):
        owner = dotted(node.value.value)
        keeps_tail = isinstance(node.value.slice, ast.Slice) and _keeps_tail(node.value.slice)
        if keeps_tail and any(dotted(target) == owner for target in targets):
            return owner
    if isinstance(node.value, ast.List) and not node.value.elts:
        emptied = (target for target in targets if isinstance(target, ast.Subscript))
        return next((dotted(one.value) for one in emptied if _from_front(one.slice)), None)
    return dotted(targets[0]) if _is_bounded(node.value) else None


def _cut_by_call(subject: Subject, node: ast.Call) -> str | None:
    name = last_name(node.func)
    if name in _TRIMMING and node.args:
        return history_in(node.args[0])
    if name == "islice" and len(node.args) > 2 and _is_counted_back(subject, node.args[1]):
        return dotted(node.args[0])
    if not isinstance(node.func, ast.Attribute):
        return None
    first = node.args[0] if node.args else None
    at_front = isinstance(first, ast.Constant) and first.value in {0, 1}
    if node.func.attr == "popleft" or (node.func.attr in {"pop", "insert"} and at_front):
        return dotted(node.func.value)
    if node.func.attr == "remove" and isinstance(first, ast.Subscript) and _from_front(first.slice):
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
    """Whether `x[…]` stands for the first members; without an end it is the whole."""
    if isinstance(index, ast.Slice):
        starts = index.lower is None or (
            isinstance(index.lower, ast.Constant) and index.lower.value in {0, 1}
        )
        return starts and index.upper is not None
    return isinstance(index, ast.Constant) and index.value in {0, 1}


def _keeps_tail(index: ast.Slice) -> bool:
    is_all = isinstance(index.lower, ast.Constant) and index.lower.value == 0
    return index.lower is not None and index.upper is None and not is_all
