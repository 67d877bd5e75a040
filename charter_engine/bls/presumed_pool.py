"""What a pool presumably holds of the prompts that sessions sent last, and what of it goes first.

TensorRT-LLM tells nobody what it holds, but it evicts by rule. The blocks of a session are one
stretch here that gives way from its end; heads that sessions share are left out.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from typing import Literal

from .retention import DEFAULT_PRIORITY, Rule

Session = Hashable
"""What a session is known by."""


@dataclass(frozen=True)
class PoolRoom:
    """A pool without a host tier: how many blocks of how many tokens it has, and by which rules it
    evicts."""

    blocks: int
    tokens_per_block: int
    eviction: Literal["leaf", "flat"]


@dataclass(frozen=True)
class HeldStretch:
    """What is left of a session's prompt, from its first block on.

    It falls to the default priority at `until_s`, and goes by `joined` within its priority: when,
    and in which order, it came there.
    `kind` tells what it is worth by how long it has been idle; None while its request is under way,
    and of what a session has left behind.
    """

    blocks: int
    joined: tuple[float, int]
    priority: int = DEFAULT_PRIORITY
    until_s: float = inf
    kind: int | None = None
    since_s: float = 0.0


class PresumedPool:
    """The stretches that a pool holds, by session. Times are in seconds."""

    def __init__(self, room: PoolRoom) -> None:
        self.room = room
        self._free = room.blocks
        self._held: dict[Session, HeldStretch] = {}
        self._serial = count()

    def serve(self, session: Session, tokens: int, common: int, now_s: float) -> int:
        """A session's prompt of `tokens` is sent, of which `common` lead its last one, too; gives
        how many blocks of it are there. Until it asks for something, they stay as they were."""
        self._expire(now_s)
        needed, known = (-(-part // self.room.tokens_per_block) for part in (tokens, common))
        before = self._held.pop(session, None)
        found = 0
        stretch = HeldStretch(needed, self._joins(now_s))
        if before is not None:
            found = min(before.blocks, known, needed)
            if before.blocks > found:
                self._held[object()] = replace(before, blocks=before.blocks - found, kind=None)
            if 2 * found > needed:
                stretch = replace(stretch, priority=before.priority)
        self._take(needed - found, now_s)
        self._held[session] = stretch
        return found

    def ask(self, session: Session, rule: Rule, now_s: float) -> None:
        """The session's prompt is asked to be kept by this rule from now on."""
        held = self._held.get(session)
        if held is None:
            return
        falls = rule.duration_ms is not None and rule.priority != DEFAULT_PRIORITY
        until_s = now_s + rule.duration_ms / 1000.0 if falls and rule.duration_ms else inf
        joined = self._joins(now_s)
        self._held[session] = replace(held, priority=rule.priority, until_s=until_s, joined=joined)

    def answered(self, session: Session, kind: int | None, now_s: float, tokens: int = 0) -> None:
        """The session's prompt turns out to be of this kind, is of so many tokens with its answer,
        and lies idle from now on."""
        held = self._held.pop(session, None)
        if held is None:
            return
        blocks = max(held.blocks, -(-tokens // self.room.tokens_per_block))
        self._take(blocks - held.blocks, now_s)
        self._held[session] = replace(
            held, blocks=blocks, kind=kind, since_s=now_s, joined=self._joins(now_s)
        )

    def in_order(self, now_s: float) -> list[tuple[Session, HeldStretch]]:
        """What is held, in the order in which it is evicted."""
        self._expire(now_s)
        return sorted(self._held.items(), key=lambda item: (item[1].priority, item[1].joined))

    def _joins(self, now_s: float) -> tuple[float, int]:
        return now_s, next(self._serial)

    def _expire(self, now_s: float) -> None:
        for name, held in self._held.items():
            if held.until_s <= now_s:
                joined = self._joins(held.until_s)
                self._held[name] = replace(
                    held, priority=DEFAULT_PRIORITY, until_s=inf, joined=joined
                )

    def _take(self, blocks: int, now_s: float) -> None:
        """Take so many blocks: of what ranks below the default, then blank ones, then of the rest,
        as far as there is any."""
        while blocks > 0 and (self._held or self._free):
            order = self.in_order(now_s)
            if self._free and (not order or order[0][1].priority >= DEFAULT_PRIORITY):
                taken = min(blocks, self._free)
                self._free -= taken
            else:
                turns = [item for item in order if item[1].priority == order[0][1].priority]
                taken = self._evict(
                    turns[:1] if self.room.eviction == "flat" else turns, blocks, now_s
                )
            blocks -= taken

    def _evict(
        self, turns: Sequence[tuple[Session, HeldStretch]], missing: int, now_s: float
    ) -> int:
        """Take the ends of these by turns, as many blocks of each as all can give; gives how many
        that are."""
        each = max(1, min(missing // len(turns), *(held.blocks for _, held in turns)))
        turns = turns[:missing]
        for name, held in turns:
            if held.blocks == each:
                del self._held[name]
                continue
            # What is a leaf next queues up behind the others; a single stretch stays where it is.
            joined = self._joins(now_s) if len(turns) > 1 else held.joined
            self._held[name] = replace(held, blocks=held.blocks - each, joined=joined)
        return each * len(turns)
