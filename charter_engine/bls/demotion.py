"""Which prompt is to give way first because it has come to be worth less than what is evicted next.

A priority stands until a session's next request, but a session that does not come is due less and
less. A request of one token over what the pool still holds of its prompt ranks that below all
else, what was demoted before it included.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .presumed_pool import PresumedPool
from .retention import DEFAULT_PRIORITY, Rule
from .worths import WorthTable

STANDS_S = 10.0
"""For so long, as a rule, a demotion changes what is evicted next."""
MOST_LOOKED_AT = 64
"""So many sessions' prompts are looked at behind a request, by turns where more are idle: a request
costs no more with many sessions. In pools of three to twelve prompts 24 at once change no decision,
and 8 cost at most .001 of the token hit rate (predicted, two draws)."""


@dataclass(frozen=True)
class Demotion:
    """A session whose prompt is to give way first: the tokens of it that are still there, what is
    asked for them, and how many of other prompts that saves."""

    session: Any
    tokens: int
    rule: Rule
    saved: float

    def may_go(self, cost: float, under_way: int) -> bool:
        """Whether it is worth the time that computing `cost` tokens takes, for which each request
        under way is taken to wait, too."""
        return self.saved > cost * (1 + under_way)


def best_demotion(pool: PresumedPool, worths: WorthTable, now_s: float) -> Demotion | None:
    """The demotion that saves most, of the sessions looked at; None if of their prompts that goes
    first which is worth least."""
    first = pool.first_idle(now_s, MOST_LOOKED_AT)
    if first is None:
        return None
    idle = [first, *pool.next_idle(MOST_LOOKED_AT)]
    kinds = np.array([held.kind for held in idle])
    since_s = np.array([held.since_s for held in idle])
    blocks = np.array([held.blocks for held in idle])
    worth = worths.shortly(kinds, now_s - since_s)
    tokens = np.minimum(blocks, first.blocks) * pool.room.tokens_per_block
    saved = (worth[0] - worth) * tokens * STANDS_S
    best = int(np.argmax(saved))
    if saved[best] <= 0:
        return None
    chosen = idle[best]
    return Demotion(
        chosen.session,
        chosen.blocks * pool.room.tokens_per_block,
        below(first.priority),
        float(saved[best]),
    )


def below(priority: int) -> Rule:
    """What is asked for a prompt that goes before what has this priority, and before blank blocks:
    of what is demoted the last is worth least. At priority 0 they go by turns."""
    return Rule(max(0, min(priority, DEFAULT_PRIORITY) - 1))
