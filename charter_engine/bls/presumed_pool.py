"""What a pool presumably holds of the prompts that sessions sent last, and what of it goes first.

TensorRT-LLM tells nobody what it holds, but it evicts by rule. The blocks of a session are one
stretch here that gives way from its end; heads that sessions share are left out.

A request takes as long as the blocks that it computes, however many sessions there are.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import chain, count, islice
from math import inf
from typing import Any, Literal

from .retention import DEFAULT_PRIORITY, Rule

Session = Hashable
"""What a session is known by."""
MOST_SUPERSEDED = 64
"""Assumed: so many prompts that their sessions left may wait to be demoted; one is, at most, behind
each request."""
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
    `worths` is a row of what it is worth by how long it has been idle; None while its request is
    under way, and of what a session has left behind, which has no `session`.
    `prompt` is the prompt it is of, as who serves it tells, while it may be asked for; what a
    session has left behind of it comes after `start` tokens, from which its next prompt went on.
    """

    session: Session | None
    blocks: int
    priority: int = DEFAULT_PRIORITY
    until_s: float = inf
    worths: Any = None
    since_s: float = 0.0
    prompt: Any = None
    start: int = 0


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
        self._left: dict[Session, HeldStretch] = {}
        """What each session's last request has left behind of the prompt before it."""
        self._superseded: dict[HeldStretch, Session] = {}
        """What two requests have left behind, of which session; the oldest first."""
        self._falling: list[tuple[float, int, HeldStretch]] = []
        """A heap of when priorities fall; what it says of stretches that fall at another time, or
        are gone, is void."""
        self._most_falling = FEW_FALLING
        self._serial = count()

    def serve(
        self,
        session: Session,
        tokens: int,
        common: int,
        now_s: float,
        prompt: Any = None,
        earlier: Callable[[Any], int] | None = None,
    ) -> int:
        """A session's prompt of `tokens` is sent, of which `common` lead its last one, too; gives
        how many blocks of it are there. Until it asks for something, they stay as they were.

        With `prompt`, what is sent, what it leaves behind of the last one may be superseded:
        `earlier` tells how many tokens of it lead an earlier prompt.
        """
        self._expire(now_s)
        needed, known = (-(-part // self.room.tokens_per_block) for part in (tokens, common))
        before = self._held.get(session)
        self._supersede(session, common, earlier)
        stretch = HeldStretch(session, needed, prompt=prompt)
        found = 0
        if before is not None:
            found = min(before.blocks, known, needed)
            if 2 * found > needed:
                stretch.priority = before.priority
            earlier_prompt = before.prompt
            self.forget(session)
            self._give(before, found)
            if before.blocks > 1 and earlier_prompt is not None:
                before.prompt, before.start = earlier_prompt, common
                self._left[session] = before
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

    def demote(self, left: HeldStretch, rule: Rule, now_s: float) -> None:
        """What a session has left behind is asked to be kept by this rule, for good."""
        self._expire(now_s)
        self._let_go(left)
        self._move(left, rule.priority)

    def answered(
        self,
        session: Session,
        worths: Any,
        now_s: float,
        tokens: int = 0,
        prompt: Any = None,
    ) -> None:
        """The session's prompt turns out to be worth this by age, is of so many tokens with its
        answer (`prompt`, where it is told), and lies idle from now on. `worths` is None where that
        is unknown."""
        self._expire(now_s)
        held = self._held.get(session)
        if held is None:
            return
        more = max(0, -(-tokens // self.room.tokens_per_block) - held.blocks)
        self._unqueue(held)
        self._take(more)
        held.blocks += more
        held.worths, held.since_s = worths, now_s
        if prompt is not None:
            held.prompt = prompt
        self._queue(held)
        self._idle.pop(held, None)
        if worths is not None and held.blocks:
            self._idle[held] = None

    def forget(self, session: Session) -> None:
        """What is held of a session is left behind: nothing goes on from it any more."""
        held = self._held.pop(session, None)
        left = self._left.pop(session, None)
        if left is not None:
            left.prompt = None
        if held is not None:
            self._idle.pop(held, None)
            held.session = held.worths = held.prompt = None

    def superseded(self) -> list[HeldStretch]:
        """What two requests of its session have left behind, where all that comes before it is
        there and lies idle."""
        size = self.room.tokens_per_block
        return [
            left
            for left, session in self._superseded.items()
            if (last := self._held.get(session)) is not None
            and last.worths is not None
            and last.blocks * size >= left.start
        ]

    def asked(self, session: Session, now_s: float) -> Rule:
        """How the session's prompt is kept from now on."""
        held = self._held[session]
        duration_ms = None if held.until_s == inf else max(1, round(1000 * (held.until_s - now_s)))
        return Rule(held.priority, duration_ms)

    def session_of(self, left: HeldStretch) -> Session:
        """Whose prompt it is of what two requests have left behind."""
        return self._superseded[left]

    def in_order(self, now_s: float) -> Iterator[HeldStretch]:
        """What is held, in the order in which it is evicted."""
        self._expire(now_s)
        return chain.from_iterable(self._levels[priority] for priority in sorted(self._levels))

    def first_idle(self, now_s: float, most: int) -> tuple[HeldStretch | None, int]:
        """The idle stretch that is evicted first, if it is among the `most` that are, and how many
        blocks go before it that sessions have left behind."""
        left = 0
        for held in islice(self.in_order(now_s), most):
            if held.worths is not None:
                return held, left
            if held.session is None:
                left += held.blocks
        return None, left

    def next_idle(self, most: int) -> list[HeldStretch]:
        """Up to so many idle stretches, by turns."""
        found = list(islice(self._idle, most))
        if len(found) < len(self._idle):
            for held in found:
                self._idle.move_to_end(held)
        return found

    def _supersede(
        self, session: Session, common: int, earlier: Callable[[Any], int] | None
    ) -> None:
        """A session's prompt is sent that has so many tokens in common with its last one: what that
        one has left behind is superseded, unless the session comes back to it. What hangs on more
        than is in common is no longer."""
        for one, owner in list(self._superseded.items()):
            if owner == session and one.start > common:
                self._let_go(one)
        left = self._left.pop(session, None)
        if left is None:
            return
        alike = None if earlier is None else self._whole(earlier(left.prompt))
        if alike != self._whole(left.start) or not left.blocks:
            left.prompt = None
            return
        self._superseded[left] = session
        if len(self._superseded) > MOST_SUPERSEDED:
            self._let_go(next(iter(self._superseded)))

    def _let_go(self, left: HeldStretch) -> None:
        """Nothing asks any more for what two requests have left behind."""
        del self._superseded[left]
        left.prompt = None

    def _whole(self, tokens: int) -> int:
        """The tokens of whole blocks."""
        return tokens // self.room.tokens_per_block * self.room.tokens_per_block

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
        self._superseded.pop(held, None)
        if held.session is not None:
            self.forget(held.session)
