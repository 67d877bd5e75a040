"""Parts of a team: who speaks first in it, who may speak last, and what its agents are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from charter_engine.parser.values.values import UNKNOWN, Made


class Part(NamedTuple):
    """Those of a team, or of a part of one, that speak first, and those that may speak last."""

    first: tuple[Made, ...] = ()
    last: tuple[Made, ...] = ()


NOBODY = Part()


def whole_of(parts: Iterable[Part]) -> Part:
    """Parts of which none is known to speak after another."""
    parts = list(parts)
    return Part(
        tuple(one for part in parts for one in part.first),
        tuple(one for part in parts for one in part.last),
    )


def name_of(made: Made) -> str:
    named = (text_in(made, argument) for argument in ("name", "agent_name", "0"))
    return next((name for name in named if name), "")


def text_in(made: Made, argument: str) -> str:
    """The text that an argument is given; empty: none that is known."""
    return made.box.fields.get(argument, UNKNOWN).static_text() or ""


def is_true(made: Made, argument: str) -> bool:
    return made.box.fields.get(argument, UNKNOWN).constant == (True,)
