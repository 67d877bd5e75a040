"""How far a piece of work is, for whoever shows it."""

from collections.abc import Callable

from msgspec import Struct


class Progress(Struct, frozen=True):
    """`stage` in words an operator reads; `done` of `total` steps of it (None: nobody knows how
    many)."""

    stage: str
    done: int = 0
    total: int | None = None


Report = Callable[[Progress], None]
"""Hears of progress. What it raises ends the work: that is how work off the event loop is
cancelled."""


def silent(_: Progress) -> None:
    """Progress that nobody watches."""
