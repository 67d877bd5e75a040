"""What the console told in passing, to be read again."""

import time
from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from charter_tui.present.spans import Line, Span, Tone, line, plain, wrap

Severity = Literal["information", "warning", "error"]
Local = Callable[[float], time.struct_time]

_INDENT: Final = 12
"""Derived: the time of a message and its sign."""
_SIGNS: Final[dict[Severity, tuple[str, Tone]]] = {
    "information": ("·", "muted"),
    "warning": ("▲", "warning"),
    "error": ("✗", "bad"),
}


class Notice(NamedTuple):
    """Words that were told at an epoch second."""

    at: float
    severity: Severity
    text: str


def told_lines(
    told: Iterable[Notice], width: int, local: Local = time.localtime
) -> tuple[Line, ...]:
    """What was told, the newest first."""
    lines: list[Line] = [line(Span("Messages, the newest first", "title"))]
    for one in sorted(told, key=lambda one: -one.at):
        sign, tone = _SIGNS[one.severity]
        at = time.strftime("%H:%M:%S", local(one.at))
        first, *more = wrap(plain(one.text), max(20, width - _INDENT))
        lines.append(line(Span(f"{at}  ", "muted"), Span(f"{sign} ", tone), Span(first)))
        lines += [line(" " * _INDENT, Span(text)) for text in more]
    if len(lines) == 1:
        lines.append(line(Span("Nothing yet.", "muted")))
    return tuple(lines)
