"""Puts objects back to where they were: the undo of an admission that failed half-way."""

from collections import deque
from collections.abc import Iterable
from copy import copy
from typing import Any

_CONTAINERS = (list, dict, deque)


class Checkpoint:
    """The attributes of some slotted objects as they are now, their containers copied.

    Costs a pass over all of it, so it is taken only where failing half-way is possible.
    """

    def __init__(self, objects: Iterable[object]) -> None:
        self._saved = [
            (thing, {name: _copied(getattr(thing, name)) for name in _slots(thing)})
            for thing in objects
        ]

    def restore(self) -> None:
        """Give every object its attributes back."""
        for thing, attributes in self._saved:
            for name, value in attributes.items():
                setattr(thing, name, value)


def _slots(thing: object) -> list[str]:
    return [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(item) if isinstance(item, _CONTAINERS) else item for item in value]
    return copy(value) if isinstance(value, _CONTAINERS) else value
