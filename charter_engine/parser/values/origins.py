"""Where parts of a value come from: the model calls whose outputs these are, and the ways they
took."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from charter_engine.contracts.graph import Flow


Loops = tuple[tuple[int, int], ...]
"""The loops a call was made in, outermost first, each with its iteration (0 or 1)."""

Chain = tuple[tuple[int, Loops], ...]
"""The calls that were under way, outermost first: (number of the site, loops entered since the one
before)."""

FLOW_RANK: dict[Flow, int] = {
    "local": 0,
    "argument": 1,
    "return": 2,
    "attribute": 3,
    "history": 4,
    "state": 5,
}
"""Of two ways an output took, that of the higher rank is the one worth telling."""


class Origin(Struct, frozen=True, cache_hash=True):
    """An LLM call whose output is part of a value, and the way it came."""

    chain: Chain
    how: Flow = "local"


Origins = frozenset[Origin]
NOTHING: Origins = frozenset()

MAX_ORIGINS = 48
"""Where more outputs than this come together, the latest in the source stand for them."""


def latest(origins: Collection[Origin]) -> Origins:
    if len(origins) <= MAX_ORIGINS:
        return frozenset(origins)
    return frozenset(
        sorted(origins, key=lambda origin: (origin.chain[0][0], origin.chain, origin.how))[
            -MAX_ORIGINS:
        ]
    )
