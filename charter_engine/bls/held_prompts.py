"""The prompts that are held, as rows of one array: to compare another one with all of them takes a
few passes over it."""

from math import inf
from typing import Any

import numpy as np

from .worths import WorthTable

FEWEST_ROWS = 64
"""Assumed: so many rows take no memory worth speaking of."""


class HeldPrompts:
    """Of each session the prompt that is held. Times are in seconds.


    What a prompt will be worth stands in its row, and is looked up again once it may have changed:
    by then it has been idle for a tenth longer, so that few have between two requests.
    """

    def __init__(self, worths: WorthTable) -> None:
        self._worths = worths
        self._sessions: list[object] = []
        """By row."""
        self._row: dict[object, int] = {}
        self._rows = self._blank(FEWEST_ROWS)

    def rows(self, now_s: float) -> Any:
        """The prompts held: the `priority` and the `tokens` of each, `until_s`, and its `worth` at
        each of `ahead_s` seconds from now."""
        held = self._held
        changed = np.flatnonzero(held["changes_s"] <= now_s)
        if len(changed):
            since_s = held["since_s"][changed, None]
            idle_s = now_s + self._worths.ahead_s - since_s
            held["worth"][changed] = self._worths.at(held["kind"][changed, None], idle_s)
            until_s = since_s + self._worths.stands_until(idle_s) - self._worths.ahead_s
            held["changes_s"][changed] = until_s.min(axis=1)
        return held

    def put(
        self, session: object, kind: int, priority: int, tokens: int, since_s: float, until_s: float
    ) -> None:
        """A session that holds none holds a prompt, of a kind, which is idle since a moment."""
        row = len(self._sessions)
        if row == len(self._rows):
            self._rows = np.concatenate((self._rows, self._blank(row)))
        self._sessions.append(session)
        self._row[session] = row
        worth = np.zeros(len(self._worths.ahead_s))
        self._rows[row] = kind, priority, tokens, since_s, until_s, -inf, worth

    def answered(self, session: object, kind: int, now_s: float) -> None:
        """The session's prompt, if it holds any, is of this kind and idle from now on; it is held
        for as long as before."""
        row = self._row.get(session)
        if row is None:
            return
        held = self._rows
        held["until_s"][row] += now_s - held["since_s"][row]
        held["kind"][row], held["since_s"][row], held["changes_s"][row] = kind, now_s, -inf

    def drop(self, session: object) -> None:
        """The session holds none any more. The last row takes the place of its own."""
        row = self._row.pop(session, None)
        if row is None:
            return
        self._rows[row] = self._rows[len(self._sessions) - 1]
        last = self._sessions.pop()
        if row < len(self._sessions):
            self._sessions[row], self._row[last] = last, row

    def drop_expired(self, now_s: float) -> None:
        """What is held no longer goes."""
        expired = np.flatnonzero(self._held["until_s"] <= now_s).tolist()
        for session in [self._sessions[row] for row in expired]:
            self.drop(session)

    @property
    def _held(self) -> Any:
        return self._rows[: len(self._sessions)]

    def _blank(self, rows: int) -> Any:
        columns: list[Any] = [("kind", np.int64), ("priority", np.int64)]
        columns += [(name, np.float64) for name in ("tokens", "since_s", "until_s", "changes_s")]
        return np.zeros(rows, dtype=[*columns, ("worth", np.float64, self._worths.ahead_s.shape)])
