"""Which prompt is to give way first because it has come to be worth less than what is evicted next.

A priority stands until a session's next request, but a session that does not come is due less and
less. A request of one token over what the pool still holds of its prompt ranks that below all
else.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .presumed_pool import PresumedPool
from .ranking import WorthTable
from .retention import DEFAULT_PRIORITY, Rule

DEMOTED = Rule(DEFAULT_PRIORITY - 1)
"""What is asked for a demoted prompt: it goes before blank blocks do."""
STANDS_S = 10.0
"""For so long, as a rule, a demotion changes what is evicted next."""


@dataclass(frozen=True)
class Demotion:
    """A session whose prompt is to give way first: the tokens of it that are still there, and how
    many of other prompts that saves."""

    session: Any
    tokens: int
    saved: float

    def may_go(self, cost: float, under_way: int) -> bool:
        """Whether it is worth the time that computing `cost` tokens takes, for which each request
        under way is taken to wait, too."""
        return self.saved > cost * (1 + under_way)


def best_demotion(pool: PresumedPool, worths: WorthTable, now_s: float) -> Demotion | None:
    """The demotion that saves most; None if of the sessions' prompts that goes first which is worth
    least."""
    idle = [(name, held) for name, held in pool.in_order(now_s) if held.kind is not None]
    if not idle:
        return None
    kinds, since_s, blocks = (
        np.array([getattr(held, column) for _, held in idle])
        for column in ("kind", "since_s", "blocks")
    )
    worth = worths.shortly(kinds, now_s - since_s)
    tokens = np.minimum(blocks, blocks[0]) * pool.room.tokens_per_block
    saved = (worth[0] - worth) * tokens * STANDS_S
    best = int(np.argmax(saved))
    if saved[best] <= 0:
        return None
    name, held = idle[best]
    return Demotion(name, held.blocks * pool.room.tokens_per_block, float(saved[best]))
