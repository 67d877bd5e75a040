"""Everything a key can do, in one table.

It feeds the footer, the command palette, the help and the cheat sheet.
"""

from collections.abc import Mapping
from typing import Final

from charter_tui.action import Action, Scope
from charter_tui.keys.changes import CHANGE_ACTIONS
from charter_tui.keys.everywhere import EVERYWHERE_ACTIONS
from charter_tui.keys.graph import GRAPH_ACTIONS
from charter_tui.keys.lists import LIST_ACTIONS
from charter_tui.keys.replay import REPLAY_ACTIONS

ACTIONS: Final[tuple[Action, ...]] = (
    *EVERYWHERE_ACTIONS,
    *GRAPH_ACTIONS,
    *CHANGE_ACTIONS,
    *LIST_ACTIONS,
    *REPLAY_ACTIONS,
)
EVERYWHERE: Final[tuple[Scope, ...]] = ("app", "table", "replay")
"""Scopes whose keys do something on every screen, or on every one with a table."""


def in_scope(*scopes: Scope) -> tuple[Action, ...]:
    """The actions of those scopes, in the order of the table."""
    return tuple(action for action in ACTIONS if action.scope in scopes)


def find(scope: Scope, method: str) -> Action | None:
    """The action of that scope whose method is `method`."""
    return next(
        (action for action in in_scope(scope) if action.action.partition("(")[0] == method), None
    )


def shadowed(keymap: Mapping[str, str]) -> list[str]:
    """Sentences about keys that `keymap` gives to an action of one screen, and that lead elsewhere
    on all others."""
    given = [
        (action, key.strip())
        for action in ACTIONS
        if action.id in keymap and action.scope not in EVERYWHERE
        for key in keymap[action.id].split(",")
        if key.strip() not in action.keys.split(",")
    ]
    return [
        f"The keymap gives {key} to {action.id}: on that screen {other.id} has no such key."
        for action, key in given
        for other in in_scope(*EVERYWHERE)
        if key in keymap.get(other.id, other.keys).split(",")
    ]


def clashes(keymap: Mapping[str, str]) -> list[str]:
    """Sentences about keys that `keymap` gives to several actions of one scope."""
    owners: dict[tuple[Scope, str], list[str]] = {}
    for action in ACTIONS:
        for key in keymap.get(action.id, action.keys).split(","):
            owners.setdefault((action.scope, key.strip()), []).append(action.id)
    return [
        f"The keymap gives one key to several actions: {key} to {' and '.join(ids)}."
        for (_, key), ids in owners.items()
        if len(ids) > 1
    ]
