"""When a retention refresh is sent: one rule for deployments and for predictions.

A refresh takes engine time that saves some later, so it waits until no client does.
One that has waited in vain is sent beside requests under way, where it saves more than they all
lose by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Any

from .reuse_times import RefreshWorth, pays_beside
from .sessions import Sent

PAUSE_S = 0.05
"""How long behind its answer a refresh waits at least: a session that goes on by itself does so at
once, and says what it wants with its next request."""
PATIENCE_S = 2.0
"""How long a refresh waits for the engine to be idle."""
LONGEST_S = 10.0
"""How long a refresh waits at most."""
MOST_MISJUDGED = 0.01
"""The most that may be computed of prompts that were taken to be there, beside what clients have
computed."""
FOUND_AGAIN = 1.1
"""By how much longer blocks are taken to stay, with each refresh that finds its own."""


def may_go(saved: Any, cost: Any, waited_s: Any, under_way: Any) -> Any:
    """Whether a refresh is worth sending that has waited for so long, beside so many requests.

    It saves `saved` prompt tokens, and costs the engine as much time as computing `cost`.
    Numbers or arrays of one shape.
    """
    patient = (under_way == 0) | (waited_s >= PATIENCE_S)
    return (waited_s >= PAUSE_S) & patient & pays_beside(saved, cost, under_way)


@dataclass(frozen=True)
class HeldRefresh:
    """A refresh that waits to be sent, for a request that was answered.

    `name` is the request's id at the engine, `level` the retention level it is refreshed to.
    `saved` and `cost` are in prompt tokens.
    `computed_before` is how many tokens the engine had computed by the answer.
    """

    name: str
    sent: Sent
    level: int
    output_ids: Any
    saved: float
    cost: float
    answered_s: float
    computed_before: int

    @property
    def tokens(self) -> int:
        """Those of prompt and answer."""
        return len(self.sent.token_ids) + len(self.output_ids)

    @property
    def worth(self) -> float:
        """Tokens saved for the time that computing one takes."""
        return self.saved / self.cost if self.cost else inf


def hold(
    worth: RefreshWorth,
    name: str,
    sent: Sent,
    level: int,
    output_ids: Any,
    answered_s: float,
    computed_before: int = 0,
) -> HeldRefresh:
    """The refresh of an answered request to this level, by what refreshes are worth."""
    length = len(sent.token_ids)
    saved, cost = worth.saved(sent.level, level, length), worth.cost(length)
    return HeldRefresh(name, sent, level, output_ids, saved, cost, answered_s, computed_before)


def worthiest(held: Iterable[HeldRefresh], now_s: float, under_way: int) -> HeldRefresh | None:
    """The refresh that is sent next, if any is."""
    ready = (one for one in held if may_go(one.saved, one.cost, now_s - one.answered_s, under_way))
    return max(ready, key=lambda one: one.worth, default=None)


class Turnover:
    """How many tokens an engine computes until what it has answered is evicted, as far as refreshes
    tell."""

    def __init__(self) -> None:
        self.computed = 0
        """Tokens computed so far."""
        self._stays = inf

    def presumably_evicted(self, refresh: HeldRefresh) -> bool:
        """Whether as much was computed since its answer as evicted others."""
        return self.computed - refresh.computed_before >= self._stays

    def found(self, refresh: HeldRefresh, reused_tokens: int) -> None:
        """A refresh was answered, of whose tokens so many were there still."""
        if 2 * reused_tokens < refresh.tokens:
            self._stays = self.computed - refresh.computed_before
        else:
            self._stays *= FOUND_AGAIN


class Misjudged:
    """How many tokens requests computed of prompts that they took to be there."""

    def __init__(self) -> None:
        self.computed = 0

    def too_much(self, computed_for_clients: int) -> bool:
        """Whether that is more than a little beside what the engine computed for clients: then the
        pool is not the one that was planned for."""
        return self.computed > MOST_MISJUDGED * computed_for_clients
