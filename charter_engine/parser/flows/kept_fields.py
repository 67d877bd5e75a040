"""What modules, a session and objects hold under names: an answer that one run of a function left
there is of a turn before when a server runs another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from msgspec.structs import replace

from charter_engine.parser.flows.edges import EARLIER_RUN, in_round, is_of_round, value_in_round
from charter_engine.parser.values.origins import Origin
from charter_engine.parser.values.values import Box, Value

MAX_DEPTH = 3
"""Assumed: a record that is kept lies no deeper in what keeps it: with a list in it, in a dict that
an object has."""


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
        elif box is not None and not is_open:
            set_back(box, calls)
        if is_told(value.origins, calls):
            names[name] = replace(value, origins=in_round(value.origins, EARLIER_RUN), pieces=None)


def set_back(box: Box, calls: Set[int]) -> None:
    """Let what some calls made in this turn, and a list holds, be of a turn before. What an object
    with a life of its own holds is in the lists of that."""
    for place, item in enumerate(box.items):
        if is_told(origins_of_message(item.value), calls):
            box.items[place] = replace(item, value=value_in_round(item.value, EARLIER_RUN))
    if box.rest is not None and is_told(origins_of_message(box.rest), calls):
        box.rest = value_in_round(box.rest, EARLIER_RUN)


MOST_BOXES = 16
"""Assumed: a message, with its parts and what its tools were given, holds no more lists, dicts and
objects than these."""


def origins_of_message(value: Value) -> Iterator[Origin]:
    """The outputs in a member of a list; none of what holds more than a message does."""
    boxes = [value.box] if value.box is not None else []
    seen = {id(box) for box in boxes}
    for box in boxes:
        for member in box.members():
            if member.box is not None and id(member.box) not in seen:
                seen.add(id(member.box))
                boxes.append(member.box)
        if len(boxes) > MOST_BOXES:
            return
    yield from value.origins
    for box in boxes:
        for member in box.members():
            yield from member.origins


def is_told(origins: Iterable[Origin], calls: Set[int]) -> bool:
    """Whether one of some calls made any of the outputs in this turn."""
    return any(
        origin.chain[0][0] in calls and not is_of_round(origin, EARLIER_RUN) for origin in origins
    )
