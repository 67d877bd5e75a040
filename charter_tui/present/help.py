"""The text of the help screen, from the action table and the keys as they are mapped."""

from collections.abc import Mapping
from typing import Final

from charter_tui.action import Action, Scope
from charter_tui.actions import in_scope
from charter_tui.present.figures import MARKS, legend
from charter_tui.present.spans import EMPTY, Line, Span, line, line_width, wrap

_KEY = 11
_LABEL = 15
"""Derived, in cells: the longest key and the longest label, but for few."""
LEAST_ABOUT: Final = 30
"""Assumed, in cells: in fewer beside the label, words stand better below it."""
_ORIGINS = (
    "= comes from Triton, NVML or the OS; ~ from Charter's block manager; "
    "? is a default nobody measured."
)
_MORE = "ctrl+p opens the command palette. Keys are changed in console.toml under [keymap]."
SCOPE_TITLES: dict[Scope, str] = {
    "app": "Everywhere",
    "table": "In tables",
    "graph": "Graph",
    "node": "Node",
    "tuning": "Tuning",
    "sweep": "Sweep",
    "history": "History",
    "revision": "Revision",
    "deploy": "Deploy",
    "findings": "Findings",
    "cache": "Cache",
    "sessions": "Sessions",
    "recordings": "Recordings",
    "recorded": "Two recordings",
    "fleet": "Fleet",
    "server": "Server",
    "gpu": "GPU",
    "series": "Over time",
    "work": "Work",
    "runs": "Runs",
    "requests": "Requests",
    "request": "Request",
    "replay": "Replay",
}
_SIGNS = {
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "full_stop": ".",
    "comma": ",",
    "minus": "-",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "plus": "+",
    "equals_sign": "=",
    "slash": "/",
    "semicolon": ";",
}


def help_lines(
    scope: str, keys: Mapping[str, str], replaying: bool, width: int
) -> tuple[Line, ...]:
    """Every action reachable from a screen of `scope`.

    `keys` are those that differ from the default, by id.
    """
    scopes: list[Scope] = [item for item in SCOPE_TITLES if item in (scope, "app", "table")]
    scopes.sort(key=lambda item: (item != scope, item != "app"))
    if replaying:
        scopes.insert(1, "replay")
    lines: list[Line] = []
    for item in scopes:
        lines += [
            line(Span(SCOPE_TITLES[item], "title")),
            *(made for action in in_scope(item) for made in _action(action, keys, width)),
            EMPTY,
        ]
    notes = max(20, width - 2)
    lines += [line(Span("Where numbers come from", "title")), line("  ", *legend(tuple(MARKS)))]
    lines += [line(Span(f"  {text}", "muted")) for text in wrap(_ORIGINS, notes)]
    lines += [EMPTY, *(line(Span(f"  {text}", "muted")) for text in wrap(_MORE, notes))]
    return tuple(lines)


def shown_keys(keys: str) -> str:
    """`question_mark,f1` as `?  f1`."""
    return "  ".join(_SIGNS.get(key.strip(), key.strip()) for key in keys.split(","))


def _action(action: Action, keys: Mapping[str, str], width: int) -> list[Line]:
    key = Span(f"  {shown_keys(keys.get(action.id, action.keys)):<{_KEY}} ", "accent")
    label = Span(f"{action.label:<{_LABEL}} ", "strong")
    beside = line_width((key, label))
    if width - beside < LEAST_ABOUT:
        below = wrap(action.about, max(20, width - line_width((key,))))
        return [line(key, label), *(_indented(text, line_width((key,))) for text in below)]
    first, *more = wrap(action.about, width - beside)
    head = line(key, label, Span(first, "muted"))
    return [head, *(_indented(text, beside) for text in more)]


def _indented(text: str, cells: int) -> Line:
    return line(Span(" " * cells + text, "muted"))
