"""What changed between two values of plain data, and applying it. Small for counters that move a
little.

A patch is `[REPLACE, value]`, `[ADD, integer]`, `[DICT, {key: patch}, [removed keys]]`, `[FIELDS,
{position: patch}]` (a dict that kept its keys), `[LIST, {index: patch}]` (a list that kept its
length) or `[THOUSANDTHS, integer]` (a float of at most three decimals). None: nothing changed.
"""

from typing import Any

REPLACE, ADD, DICT, LIST, THOUSANDTHS, FIELDS = range(6)
LARGEST_THOUSANDTHS = 2.0**50
"""Derived: a thousand times as much is a whole number of 64 bits."""
MAX_COPIED_ITEMS = 100_000_000
"""Of all patches of a chunk: a second or two of copying."""
Patch = list[Any]


def diff(old: Any, new: Any) -> Patch | None:
    """The patch that makes `new` of `old`."""
    if type(old) is type(new) and old == new:
        return None
    if isinstance(new, float):
        return _float(new)
    if type(old) is not type(new):
        return [REPLACE, new]
    if isinstance(new, dict):
        return _dict(old, new)
    if isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [
            LIST,
            {
                index: patch
                for index, (one, other) in pairs
                if (patch := diff(one, other)) is not None
            },
        ]
    return [ADD, new - old] if type(new) is int else [REPLACE, new]


def _dict(old: dict[Any, Any], new: dict[Any, Any]) -> Patch:
    if list(old) == list(new):
        pairs = enumerate(zip(old.values(), new.values(), strict=True))
        return [
            FIELDS,
            {
                place: patch
                for place, (one, other) in pairs
                if (patch := diff(one, other)) is not None
            },
        ]
    changed = {key: [REPLACE, value] for key, value in new.items() if key not in old}
    for key in new.keys() & old.keys():
        if (patch := diff(old[key], new[key])) is not None:
            changed[key] = patch
    return [DICT, changed, [key for key in old if key not in new]]


def _float(new: float) -> Patch:
    """A rounded float packs into a few bytes as an integer, where its own eight would not compress
    at all."""
    if (
        abs(new) < LARGEST_THOUSANDTHS
        and str(new) != "-0.0"
        and (scaled := round(new * 1000)) / 1000 == new
    ):
        return [THOUSANDTHS, scaled]
    return [REPLACE, new]


class PatchWork:
    """How much may still be copied by patches: a long list with a patch for each second of a day
    would take an hour. Raises `ValueError` when it is used up."""

    def __init__(self, items: int = MAX_COPIED_ITEMS) -> None:
        self.left = items

    def copy(self, items: int) -> None:
        """So many items of a list or a dict are copied now."""
        self.left -= items
        if self.left < 0:
            raise ValueError("patches change more than a recording holds")


def apply(old: Any, patch: Patch, work: PatchWork | None = None) -> Any:
    """`new` again. Raises `ValueError` (or `KeyError`, `TypeError`, `IndexError`) where the patch
    does not fit, or where `work` is used up."""
    work = PatchWork() if work is None else work
    match patch:
        case [0, value]:
            return value
        case [1, int(step)]:
            return old + step
        case [2, changed, removed]:
            work.copy(len(old) * (1 + len(removed)))
            kept = {key: value for key, value in old.items() if key not in removed}
            return kept | {key: apply(kept.get(key), part, work) for key, part in changed.items()}
        case [3, changed]:
            work.copy(len(old))
            items = list(old)
            for index, part in changed.items():
                items[index] = apply(items[index], part, work)
            return items
        case [4, int(scaled)]:
            return scaled / 1000
        case [5, changed]:
            work.copy(len(old))
            keys = list(old)
            return old | {
                keys[place]: apply(old[keys[place]], part, work) for place, part in changed.items()
            }
        case _:
            raise ValueError("not a patch")
