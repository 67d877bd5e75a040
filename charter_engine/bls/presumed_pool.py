"""What a pool presumably holds of the prompts that sessions sent last, and what of it goes first.

TensorRT-LLM tells nobody what it holds, but it evicts by rule. The blocks of a session are one
stretch here that gives way from its end; heads that sessions share are left out.

A request takes as long as the blocks that it computes, however many sessions there are.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import chain, count, islice
from math import inf
from typing import Literal

from .retention import DEFAULT_PRIORITY, Rule

Session = Hashable
"""What a session is known by."""
FEW_FALLING = 64
"""Assumed: moments at which priorities fall that are too few to be worth tidying up."""


@dataclass(frozen=True)
class PoolRoom:
    """A pool without a host tier: how many blocks of how many tokens it has, and by which rules it
    evicts."""

    blocks: int
    tokens_per_block: int
    eviction: Literal["leaf", "flat"]


@dataclass(eq=False, slots=True)
class HeldStretch:
    """What is left of a session's prompt, from its first block on.

    It falls to the default priority at `until_s`.
    `kind` tells what it is worth by how long it has been idle; None while its request is under way,
    and of what a session has left behind, which has no `session`.
    """

    session: Session | None
    blocks: int
    priority: int = DEFAULT_PRIORITY
    until_s: float = inf
    kind: int | None = None
    since_s: float = 0.0


Queue = OrderedDict[HeldStretch, None]
"""Stretches, the first of which has its turn next."""


class PresumedPool:
    """The stretches that a pool holds. Times are in seconds; what is told later counts as later."""

    def __init__(self, room: PoolRoom) -> None:
        self.room = room
        self._free = room.blocks
        self._held: dict[Session, HeldStretch] = {}
        self._levels: dict[int, Queue] = {}
        """By priority, what is evicted in this order; no queue is empty."""
        self._idle: Queue = OrderedDict()
        self._falling: list[tuple[float, int, HeldStretch]] = []
        """A heap of when priorities fall; what it says of stretches that fall at another time, or
        are gone, is void."""
        self._most_falling = FEW_FALLING
        self._serial = count()

    def serve(self, session: Session, tokens: int, common: int, now_s: float) -> int:
        """A session's prompt of `tokens` is sent, of which `common` lead its last one, too; gives
        how many blocks of it are there. Until it asks for something, they stay as they were."""
        self._expire(now_s)
        needed, known = (-(-part // self.room.tokens_per_block) for part in (tokens, common))
        before = self._held.get(session)
        stretch = HeldStretch(session, needed)
        found = 0
        if before is not None:
            found = min(before.blocks, known, needed)
            if 2 * found > needed:
                stretch.priority = before.priority
            self.forget(session)
            self._give(before, found)
        self._take(needed - found)
        self._held[session] = stretch
        self._queue(stretch)
        return found

    def ask(self, session: Session, rule: Rule, now_s: float) -> None:
        """The session's prompt is asked to be kept by this rule from now on."""
        self._expire(now_s)
        held = self._held.get(session)
        if held is None:
            return
        self._move(held, rule.priority)
        if rule.duration_ms and rule.priority != DEFAULT_PRIORITY:
            held.until_s = now_s + rule.duration_ms / 1000.0
            self._falls(held)

    def answered(self, session: Session, kind: int | None, now_s: float, tokens: int = 0) -> None:
        """The session's prompt turns out to be of this kind, is of so many tokens with its answer,
        and lies idle from now on."""
        self._expire(now_s)
        held = self._held.get(session)
        if held is None:
            return
        more = max(0, -(-tokens // self.room.tokens_per_block) - held.blocks)
        self._unqueue(held)
        self._take(more)
        held.blocks += more
        held.kind, held.since_s = kind, now_s
        self._queue(held)
        self._idle.pop(held, None)
        if kind is not None and held.blocks:
            self._idle[held] = None

    def forget(self, session: Session) -> None:
        """What is held of a session is left behind: nothing goes on from it any more."""
        held = self._held.pop(session, None)
        if held is not None:
            self._idle.pop(held, None)
            held.session = held.kind = None

    def in_order(self, now_s: float) -> Iterator[HeldStretch]:
        """What is held, in the order in which it is evicted."""
        self._expire(now_s)
        return chain.from_iterable(self._levels[priority] for priority in sorted(self._levels))

    def first_idle(self, now_s: float, most: int) -> HeldStretch | None:
        """The idle stretch that is evicted first, if it is among the `most` that are."""
        first = islice(self.in_order(now_s), most)
        return next((held for held in first if held.kind is not None), None)

    def next_idle(self, most: int) -> list[HeldStretch]:
        """Up to so many idle stretches, by turns."""
        found = list(islice(self._idle, most))
        if len(found) < len(self._idle):
            for held in found:
                self._idle.move_to_end(held)
        return found

    def _queue(self, held: HeldStretch) -> None:
        if held.blocks:
            self._levels.setdefault(held.priority, OrderedDict())[held] = None

    def _unqueue(self, held: HeldStretch) -> None:
        level = self._levels.get(held.priority)
        if level is not None:
            level.pop(held, None)
            if not level:
                del self._levels[held.priority]

    def _move(self, held: HeldStretch, priority: int) -> None:
        """Line up behind all others of a priority, which is held for good."""
        self._unqueue(held)
        held.priority, held.until_s = priority, inf
        self._queue(held)

    def _falls(self, held: HeldStretch) -> None:
        """Note when a priority falls; what became void is thrown away once it is the most of it."""
        heappush(self._falling, (held.until_s, next(self._serial), held))
        if len(self._falling) > self._most_falling:
            self._falling = [one for one in self._falling if one[0] == one[2].until_s]
            heapify(self._falling)
            self._most_falling = 2 * len(self._falling) + FEW_FALLING

    def _expire(self, now_s: float) -> None:
        while self._falling and self._falling[0][0] <= now_s:
            until_s, _, held = heappop(self._falling)
            if held.until_s == until_s:
                self._move(held, DEFAULT_PRIORITY)

    def _take(self, blocks: int) -> None:
        """Take so many blocks: of what ranks below the default, then blank ones, then of the rest,
        as far as there is any."""
        while blocks > 0 and (self._levels or self._free):
            lowest = min(self._levels, default=DEFAULT_PRIORITY)
            if self._free and lowest >= DEFAULT_PRIORITY:
                taken = min(blocks, self._free)
                self._free -= taken
            elif self.room.eviction == "flat":
                first = next(iter(self._levels[lowest]))
                taken = min(blocks, first.blocks)
                self._give(first, taken)
            else:
                taken = self._take_by_turns(self._levels[lowest], blocks)
            blocks -= taken

    def _take_by_turns(self, level: Queue, missing: int) -> int:
        """Take the ends of these by turns, as many blocks of each as all can give; gives how many
        that are."""
        each = missing // len(level)
        each = min(each, *(held.blocks for held in level)) if each > 1 else 1
        turns = list(islice(level, missing))
        for held in turns:
            # What is a leaf next queues up behind the others.
            level.move_to_end(held)
            self._give(held, each)
        return each * len(turns)

    def _give(self, held: HeldStretch, blocks: int) -> None:
        """Take so many blocks of a stretch, which is gone without any."""
        held.blocks -= blocks
        if held.blocks:
            return
        self._unqueue(held)
        held.until_s = inf
        if held.session is not None:
            self.forget(held.session)
