"""Where a prompt ranks among those that are held: above what will be worth less, below what will be
worth more.

A priority stands until the session's next request, while what blocks are worth changes with every
second they lie idle. So a prompt's rank is chosen beside those of the prompts that are held at that
moment, by what each will be worth shortly after.
"""

from dataclasses import replace

import numpy as np

from .held_prompts import HeldPrompts
from .retention import DEFAULT_PRIORITY, MAX_PRIORITY, Rule
from .worths import Worths, WorthTable


class Ranking:
    """The prompts that are held: of each session that of its last request. Times are in seconds."""

    def __init__(self, worths: Worths) -> None:
        self._worths = WorthTable(worths)
        self._held = HeldPrompts(self._worths)

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
        self._held.drop(session)
        self._held.drop_expired(now_s)
        if rule.priority <= DEFAULT_PRIORITY or rule.duration_ms is None:
            return rule
        priority = self._rank(kind, rule.priority, tokens, now_s, idle_s)
        until_s = now_s + rule.duration_ms / 1000.0
        self._held.put(session, kind, priority, tokens, now_s - idle_s, until_s)
        return replace(rule, priority=priority)

    def answered(self, session: object, kind: int, now_s: float) -> None:
        """The session's prompt turns out to be of this kind, and lies idle from now on."""
        self._held.answered(session, kind, now_s)

    def _rank(self, kind: int, priority: int, tokens: int, now_s: float, idle_s: float) -> int:
        held, ahead_s = self._held.rows(now_s), self._worths.ahead_s
        lead = self._worths.at(kind, idle_s + ahead_s) - held["worth"]
        counts = np.minimum(held["tokens"], tokens)[:, None]
        is_held = now_s + ahead_s < held["until_s"][:, None]
        lead = np.where(is_held, lead * counts, 0.0).sum(axis=1)
        # At each priority, what stands wrongly: what is worth less above or beside the prompt, and
        # what is worth more below or beside it.
        at = held["priority"]
        less = np.bincount(at, np.maximum(lead, 0.0), MAX_PRIORITY + 1)[::-1].cumsum()[::-1]
        more = np.bincount(at, np.maximum(-lead, 0.0), MAX_PRIORITY + 1).cumsum()
        wrong = np.round((less + more)[DEFAULT_PRIORITY + 1 :], 6)
        best = np.flatnonzero(wrong == wrong.min()) + DEFAULT_PRIORITY + 1
        return int(best[np.argmin(np.abs(best - priority))])
