"""Rules on what fills a prompt: the time, random ids, sets, JSON."""

import ast
import re
from collections.abc import Iterator

from charter_engine.analysis.lint.origins import called_by
from charter_engine.analysis.lint.subject import Subject, dotted
from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.lint import Finding

_TIME = re.compile(
    r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|ctime|strftime|localtime|gmtime|monotonic)"
    r"|timezone\.now|arrow\.(now|utcnow)|pendulum\.(now|today)|Timestamp\.now)\(\)"
)
_RANDOM = re.compile(
    r"(^|\.)(uuid\.)?uuid[1-8]\(\)|(^|\.)random\.\w+\(\)|(^|\.)secrets\.\w+\(\)|(^|\.)(token_hex|token_urlsafe|nanoid|ulid)\(\)"
)
_TIME_NAME = re.compile(
    r"(^|_)(now|timestamp|current_(time|date|datetime)|today)($|_)", re.IGNORECASE
)
_ID_NAME = re.compile(
    r"(^|_)(request|trace|session|run|correlation|message)_?(id|uuid)$|(^|_)uuid($|_)",
    re.IGNORECASE,
)


def volatile_values(subject: Subject) -> Iterator[Finding]:
    """`time-in-prefix` and `random-in-prefix`: certain where the value's origin is seen, uncertain
    by its name."""
    for call in subject.compiled.calls:
        for index, segment in subject.filled(call):
            rest = call.segments[index + 1 :]
            behind = sum(other.tokens or 0 for other in rest)
            is_inside = any(other.kind != "static" for other in rest)
            if segment.kind in {"variable", "unknown"} and (
                is_inside or behind >= subject.least_tokens
            ):
                yield from _volatile(subject, call, segment, behind)


def _volatile(subject: Subject, call: Call, segment: Segment, behind: int) -> Iterator[Finding]:
    text = segment.expression or segment.name
    line = segment.line or call.line
    where = line if subject.function_at(line) is not None else call.line
    origin = subject.origin(text, where) if text else None
    called = list(called_by(subject, origin, where)) if origin is not None else []
    if isinstance(origin, ast.Attribute):
        # What a template is partly filled with may be a function, which is called for each prompt.
        called.append(subject.imported_name(f"{dotted(origin)}()"))
    for rule, pattern, name in (
        ("time-in-prefix", _TIME, _TIME_NAME),
        ("random-in-prefix", _RANDOM, _ID_NAME),
    ):
        source = next((name for name in called if pattern.search(name)), None)
        if source is not None:
            yield subject.finding(
                rule, line, message=f"{source} {_stands(behind)}", node=call.id, tokens=behind
            )
        elif name.search(segment.name or text):
            yield subject.finding(
                rule,
                line,
                message=f"{segment.name or text} {_stands(behind)}",
                confidence="uncertain",
                reason="judged by the variable's name; where it comes from is not seen",
                node=call.id,
                tokens=behind,
            )


def _stands(behind: int) -> str:
    return (
        f"stands in the prompt before {behind} tokens of constant text"
        if behind
        else "stands inside the prompt"
    )


def unordered_values(subject: Subject) -> Iterator[Finding]:
    """`unordered-in-prompt` and `json-without-sorted-keys`, in what a prompt is filled with."""
    for call in subject.compiled.calls:
        for index, segment in subject.filled(call):
            text = segment.expression or segment.name
            line = segment.line or call.line
            origin = subject.origin(text, line) if text and segment.kind != "upstream" else None
            if origin is not None:
                tokens = subject.static_tokens_after(call, index)
                yield from _unordered(subject, call, origin, line, tokens)


def _unordered(
    subject: Subject, call: Call, origin: ast.expr, line: int, tokens: int
) -> Iterator[Finding]:
    place = subject.function_at(line)
    first = place.lineno if place else 1
    for node in ast.walk(origin):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        at = _line_in(subject, node, first, line)
        if name.rpartition(".")[2] == "dumps":
            if not any(keyword.arg in {"sort_keys", None} for keyword in node.keywords):
                yield subject.finding(
                    "json-without-sorted-keys", at, node=call.id, tokens=tokens, fixable=True
                )
        elif (
            name.rpartition(".")[2] == "join" and node.args and is_set(subject, node.args[0], line)
        ):
            yield subject.finding(
                "unordered-in-prompt", at, node=call.id, tokens=tokens, fixable=True
            )
        elif name in {"str", "repr"} and node.args and is_set(subject, node.args[0], line):
            yield subject.finding("unordered-in-prompt", at, node=call.id, tokens=tokens)


def is_set(subject: Subject, node: ast.expr, line: int) -> bool:
    """Whether a value is a set as far as the function shows."""
    if isinstance(node, ast.GeneratorExp | ast.ListComp) and node.generators:
        return is_set(subject, node.generators[0].iter, line)
    if isinstance(node, ast.Name):
        origin = subject.origin(node.id, line)
        return (
            origin is not None
            and not isinstance(origin, ast.Name)
            and is_set(subject, origin, line)
        )
    return isinstance(node, ast.Set | ast.SetComp) or (
        isinstance(node, ast.Call) and dotted(node.func) in {"set", "frozenset"}
    )


def _line_in(subject: Subject, node: ast.Call, first: int, last: int) -> int:
    """The source line of an expression that was parsed apart from its file, by its text."""
    wanted = ast.unparse(node.func)
    for line in range(last, first - 1, -1):
        if line <= len(subject.lines) and wanted in subject.lines[line - 1]:
            return line
    return last
