"""What leads to what, at once or by way of others."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def led_to(after: Mapping[Node, Iterable[Node]], start: Node) -> set[Node]:
    """What one leads to on any way, itself only where a way leads back to it; `after` tells what
    follows each at once."""
    found: set[Node] = set()
    pending = [start]
    while pending:
        new = set(after.get(pending.pop(), ())) - found
        found |= new
        pending += new
    return found


def reached_by(connections: list[tuple[str, str]], start: str, ends: Collection[str]) -> list[str]:
    """Those among `ends` that connections lead to from a component, through none of the others,
    nearest first."""
    found: list[str] = []
    seen: set[str] = set()
    pending = [target for source, target in connections if source == start]
    while pending:
        name = pending.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in ends:
            found.append(name)
        else:
            pending += [target for source, target in connections if source == name]
    return found
