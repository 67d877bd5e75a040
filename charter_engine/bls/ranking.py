"""Where a prompt ranks among those that are held: above what will be worth less, below what will be
worth more.

A priority stands until the session's next request, while what blocks are worth changes with every
second they lie idle. So a prompt's rank is chosen beside those of the prompts that are held at that
moment, by what each will be worth shortly after.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .retention import DEFAULT_PRIORITY, MAX_PRIORITY, Rule


@dataclass(frozen=True)
class Worths:
    """What blocks are worth, in expected hits per second of holding them, by their kind and age.

    `rows[kind][i]` is that of blocks which have been idle for at least `ages_s[i]` seconds; the
    first age is 0.
    Prompts are compared by their worths at each of `ahead_s` seconds after deciding.
    """

    ages_s: Sequence[float]
    rows: Sequence[Sequence[float]]
    ahead_s: Sequence[float]


class WorthTable:
    """The same as arrays, to look up many at once."""

    def __init__(self, worths: Worths) -> None:
        self._ages = np.asarray(worths.ages_s, dtype=np.float64)
        self._rows = np.asarray(worths.rows, dtype=np.float64)
        self.ahead_s = np.asarray(worths.ahead_s, dtype=np.float64)

    def at(self, kind: Any, idle_s: Any) -> Any:
        """What blocks of a kind are worth that have been idle for so long. Numbers or arrays."""
        age = np.searchsorted(self._ages, np.maximum(idle_s, 0.0), side="right") - 1
        return self._rows[kind, age]

    def shortly(self, kinds: Any, idle_s: Any) -> Any:
        """The mean worth of each of several at `ahead_s` seconds from now."""
        return self.at(kinds[:, None], idle_s[:, None] + self.ahead_s).mean(axis=1)


@dataclass(frozen=True)
class HeldPrompt:
    """A prompt of so many tokens, held from `since_s` until `until_s`."""

    kind: int
    priority: int
    tokens: int
    since_s: float
    until_s: float


class Ranking:
    """The prompts that are held: of each session that of its last request. Times are in seconds."""

    def __init__(self, worths: Worths) -> None:
        self._worths = WorthTable(worths)
        self._held: dict[object, HeldPrompt] = {}

    def hold(
        self,
        session: object,
        kind: int,
        rule: Rule,
        tokens: int,
        now_s: float,
        idle_s: float = 0.0,
    ) -> Rule:
        """The rule for the session's new prompt of `tokens` tokens, which has lain idle for
        `idle_s`: the one given, at the rank that contradicts least what the prompts held are worth
        beside it; of several such ranks, at the one nearest to the rule's own priority.

        A rule that holds nothing for a time stays as it is, and its prompt is not ranked.
        """
        self._held = {
            name: held
            for name, held in self._held.items()
            if held.until_s > now_s and name != session
        }
        if rule.priority <= DEFAULT_PRIORITY or rule.duration_ms is None:
            return rule
        priority = self._rank(kind, rule.priority, tokens, now_s, idle_s)
        until_s = now_s + rule.duration_ms / 1000.0
        self._held[session] = HeldPrompt(kind, priority, tokens, now_s - idle_s, until_s)
        return replace(rule, priority=priority)

    def answered(self, session: object, kind: int, now_s: float) -> None:
        """The session's prompt turns out to be of this kind, and lies idle from now on."""
        held = self._held.get(session)
        if held is not None:
            until_s = held.until_s + now_s - held.since_s
            self._held[session] = replace(held, kind=kind, since_s=now_s, until_s=until_s)

    def _rank(self, kind: int, priority: int, tokens: int, now_s: float, idle_s: float) -> int:
        held = list(self._held.values())
        since, until, most = (
            np.array([getattr(one, column) for one in held], dtype=np.float64)[:, None]
            for column in ("since_s", "until_s", "tokens")
        )
        kinds = np.array([one.kind for one in held], dtype=np.int64)[:, None]
        ranks = np.array([one.priority for one in held], dtype=np.int64)
        ahead_s = self._worths.ahead_s
        then = now_s + ahead_s
        lead = self._worths.at(kind, idle_s + ahead_s) - self._worths.at(kinds, then - since)
        lead = np.where(then < until, lead * np.minimum(most, tokens), 0.0).sum(axis=1)
        # At each priority, what stands wrongly: what is worth less above or beside the prompt, and
        # what is worth more below or beside it.
        less = np.bincount(ranks, np.maximum(lead, 0.0), MAX_PRIORITY + 1)[::-1].cumsum()[::-1]
        more = np.bincount(ranks, np.maximum(-lead, 0.0), MAX_PRIORITY + 1).cumsum()
        wrong = np.round((less + more)[DEFAULT_PRIORITY + 1 :], 6)
        best = np.flatnonzero(wrong == wrong.min()) + DEFAULT_PRIORITY + 1
        return int(best[np.argmin(np.abs(best - priority))])
