"""The text of the help screen, from the action table and the keys as they are mapped."""

from collections.abc import Mapping

from charter_tui.actions import Action, Scope, in_scope
from charter_tui.present.figures import legend
from charter_tui.present.spans import EMPTY, Line, Span, line

_KEY = 16
_LABEL = 16
_TITLES: dict[Scope, str] = {
    "app": "Everywhere",
    "table": "In tables",
    "graph": "Graph",
    "node": "Node",
    "tuning": "Tuning",
    "history": "History",
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
    "plus": "+",
    "equals_sign": "=",
    "slash": "/",
}


def help_lines(scope: str, keys: Mapping[str, str], replaying: bool) -> tuple[Line, ...]:
    """Every action reachable from a screen of `scope`; `keys` are those that differ from the default, by id."""
    scopes: list[Scope] = [item for item in _TITLES if item in (scope, "app", "table")]
    scopes.sort(key=lambda item: (item != scope, item != "app"))
    if replaying:
        scopes.insert(1, "replay")
    lines: list[Line] = []
    for item in scopes:
        lines += [line(Span(_TITLES[item], "title")), *(_action(action, keys) for action in in_scope(item)), EMPTY]
    lines += [
        line(Span("Where numbers come from", "title")),
        line("  ", *legend()),
        line(
            Span(
                "  = from Triton, NVML or the OS; ~ from Charter's block manager; ? a default nobody measured.", "muted"
            )
        ),
        EMPTY,
        line(Span("  ctrl+p opens the command palette; keys are changed in console.toml, [keymap].", "muted")),
    ]
    return tuple(lines)


def shown_keys(keys: str) -> str:
    """`question_mark,f1` as `?  f1`."""
    return "  ".join(_SIGNS.get(key.strip(), key.strip()) for key in keys.split(","))


def _action(action: Action, keys: Mapping[str, str]) -> Line:
    return line(
        Span(f"  {shown_keys(keys.get(action.id, action.keys)):<{_KEY}} ", "accent"),
        Span(f"{action.label:<{_LABEL}} ", "strong"),
        Span(action.about, "muted"),
    )
