"""The lists that modules, a session and objects hold, without going through all of these again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from charter_engine.parser.flows.memory import SESSION, Memory
from charter_engine.parser.values.values import Box, Value

Holder = int | str
"""An object, by the identity of its box; the path of a module; the session."""

MAX_DEPTH = 2
"""Assumed: lists that are kept lie no deeper in what keeps them."""


class HeldLists:
    """Tells which lists are held, as of the last look at what was opened since the one before.

    `found` are the lists that each holder holds, `holders` those that hold a list, by its identity,
    `changed` what holders hold into which something may have been put.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.found: dict[Holder, list[Value]] = {}
        self.holders: dict[int, set[Holder]] = {}
        self.changed: dict[Holder, dict[str, Value]] = {}

    def look(self) -> list[Value]:
        """Look again at what was opened since the last look; returns the lists that are there."""
        memory = self.memory
        opened: dict[Holder, dict[str, Value]] = {
            number: box.fields for number, box in memory.opened.items()
        }
        opened |= {path: memory.globals.get(path, {}) for path in memory.opened_modules}
        session = memory.shared.get(SESSION)
        if session is not None:
            opened[SESSION] = session.fields
        self.changed |= opened
        memory.opened.clear()
        memory.opened_modules.clear()
        return [value for holder, names in opened.items() for value in self.look_at(holder, names)]

    def look_at(self, holder: Holder, names: Mapping[str, Value]) -> list[Value]:
        for value in self.found.get(holder, ()):
            self.holders[id(value.box)].discard(holder)
        self.found[holder] = found = list(lists_in(names))
        for value in found:
            self.holders.setdefault(id(value.box), set()).add(holder)
        return found

    def is_held(self, box: Box) -> bool:
        return bool(self.holders.get(id(box)))


def lists_in(names: Mapping[str, Value]) -> Iterator[Value]:
    """The lists that some names hold, also by a key."""
    held = [(value, value.box) for value in names.values() if value.box is not None]
    for _ in range(MAX_DEPTH + 1):
        yield from (value for value, box in held if box.kind == "list")
        held = [
            (member, member.box)
            for _, box in held
            if box.kind != "list"
            for member in box.members()
            if member.box is not None
        ]
