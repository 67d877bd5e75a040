"""What modules, a session and objects hold under names: an answer that one run of a function left
there is of a turn before when a server runs another."""

from __future__ import annotations

from collections.abc import Set

from msgspec.structs import replace

from charter_engine.parser.flows.edges import EARLIER_RUN, in_round, is_of_round
from charter_engine.parser.values.values import Value

MAX_DEPTH = 2
"""Assumed: a record that is kept lies no deeper in what keeps it: in a dict that an object has."""


def set_fields_back(
    names: dict[str, Value], calls: Set[int], seen: set[int], depth: int = 0
) -> None:
    """Let what some calls made in this turn, and names or the dicts and objects under them hold, be
    of a turn before. `seen` are those that were gone through."""
    for name, value in names.items():
        box = value.box
        is_open = box is not None and box.kind in ("dict", "object")
        if box is not None and is_open and id(box) not in seen and depth < MAX_DEPTH:
            seen.add(id(box))
            set_fields_back(box.fields, calls, seen, depth + 1)
            if box.rest is not None:
                rest = {"": box.rest}
                set_fields_back(rest, calls, seen, depth + 1)
                box.rest = rest[""]
        if any(
            origin.chain[0][0] in calls and not is_of_round(origin, EARLIER_RUN)
            for origin in value.origins
        ):
            names[name] = replace(value, origins=in_round(value.origins, EARLIER_RUN), pieces=None)
