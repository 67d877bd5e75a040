"""What was on screen in the last hour, to look back at while the live screen is held still.

A moment is a snapshot without its series and its log, which are kept once and cut off at it. All
but the latest moments are packed.
"""

import bisect
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise, zip_longest
from operator import attrgetter
from typing import Final

from charter_engine.contracts.commands import SeekReplay
from charter_engine.contracts.gauges import MARKED, Event, Gauge, Marker, Replay, Ticked
from charter_engine.contracts.series import Tick
from charter_tui.packed_moments import PackedMoments
from charter_tui.state import (
    KEPT_EVENTS,
    KEPT_POOL_SAMPLES,
    KEPT_TICKS,
    Snapshot,
    changed_gauges,
    gpu_history,
    last_known,
)

KEPT_SECONDS: Final = 3600
"""As long as the engine keeps ticks by the second."""
PACKED_TOGETHER: Final = 40
"""Moments: the more, the less each of them takes, and the longer it takes to find one."""
MOST_NODE_RECORDS: Final = 1_000
"""Records of calls that wait to be packed, about 600 bytes each."""
PACKS_BEFORE: Final = 3
"""Packs that are opened for what went before a moment."""
MOST_BYTES: Final = 1_500_000
"""Of what is packed."""
MOST_LOG_LINES: Final = 2_000
"""Assumed: an hour of more than one line each two seconds."""
WORTH_GOING_TO: Final = MARKED | {"failure"}
"""Kinds of events worth going to."""

NO_SERVERS: Final = Snapshot().last_servers
"""One for all moments, as what they share is packed once."""


class Lookback:
    """One moment a second, the latest hour of them; fewer where many calls change all the time."""

    def __init__(self) -> None:
        self._packed: deque[PackedMoments] = deque()
        self._recent: list[Snapshot] = []
        self._fresh_records = 0
        self._pool_times, self._pool_used = array("d"), array("d")
        self._ticks: deque[Tick] = deque(maxlen=KEPT_SECONDS + KEPT_TICKS)
        self._events: deque[Event] = deque(maxlen=MOST_LOG_LINES)

    def take(self, snapshot: Snapshot) -> None:
        """Keep what is on screen, in place of what was within the same second."""
        if self._recent and snapshot.as_of < self._recent[-1].as_of:
            self._forget()
        self._keep_series(snapshot)
        if self._recent and int(snapshot.as_of) == int(self._recent[-1].as_of):
            self._recent.pop()
        elif self._has_enough_to_pack():
            self._pack()
        moment = replace(
            snapshot,
            ticks=(),
            events=(),
            pool_used=(),
            gpus=(),
            last_answer=None,
            last_gpus=None,
            last_servers=NO_SERVERS,
        )
        self._fresh_records += _fresh_records(self._recent[-1] if self._recent else None, moment)
        self._recent.append(moment)
        self._keep_pool(snapshot)

    def frozen(self, at: float | None = None, end: float | None = None) -> Snapshot:
        """The screen as it was at that epoch second, or as it is; `frozen` tells of the hour around
        it, which ends at `end`, or at the newest moment. There must be a moment to show."""
        oldest = self._packed[0].times[0] if self._packed else self._recent[0].as_of
        last = self._recent[-1].as_of if end is None else max(oldest, end)
        first = max(oldest, self._recent[-1].as_of - KEPT_SECONDS + 1)
        position = last if at is None else min(max(at, first), last)
        *before, moment = self._until(position)
        markers = tuple(
            Marker(event.at, event.kind, event.text, event.level, event.node)
            for event in self._events
            if event.kind in WORTH_GOING_TO and first <= event.at <= last
        )
        return replace(
            moment,
            events=tuple(one for one in self._events if one.at <= position)[-KEPT_EVENTS:],
            ticks=tuple(one for one in self._ticks if one.at <= position)[-KEPT_TICKS:],
            pool_used=tuple(self._pool_used[: bisect.bisect_right(self._pool_times, position)])[
                -KEPT_POOL_SAMPLES:
            ],
            gpus=gpu_history((*before, moment)),
            **last_known((*before, moment)),
            frozen=Replay(
                path="", start=first, end=last, position=position, paused=True, markers=markers
            ),
        )

    def told(self, begin: float, end: float) -> Iterator[Gauge | Event]:
        """What was told from one epoch second to another, oldest first: the whole state at the
        beginning, then what changed of it, and what happened."""
        before = Snapshot()
        told: list[Gauge | Event] = []
        for moment in self._between(begin, end):
            told += changed_gauges(before, moment, max(begin, moment.as_of))
            before = moment
        told += [Gauge(at=one.at, payload=Ticked(one)) for one in self._ticks]
        told += self._events
        told.sort(key=attrgetter("at"))
        return (one for one in told if begin <= one.at <= end)

    def _between(self, begin: float, end: float) -> Iterator[Snapshot]:
        """The moments up to that second, from the one that stood on screen at the first."""
        starts = [pack.times[0] for pack in self._packed]
        first = max(0, bisect.bisect_right(starts, begin) - 1)
        packed = (one for pack in list(self._packed)[first:] for one in pack.moments())
        for moment, following in pairwise(chain(packed, self._recent, (None,))):
            if moment is None or moment.as_of > end:
                return
            if following is None or following.as_of > begin:
                yield moment

    def _until(self, position: float) -> list[Snapshot]:
        """The last moments up to that second, at least one."""
        if self._recent[0].as_of <= position or not self._packed:
            begin = list(self._packed)[-PACKS_BEFORE:]
            recent = [one for one in self._recent if one.as_of <= position]
            return [*(one for pack in begin for one in pack.moments()), *recent]
        index = max(0, bisect.bisect_right([one.times[0] for one in self._packed], position) - 1)
        pack = self._packed[index]
        shown = pack.moments(max(1, bisect.bisect_right(pack.times, position)))
        begin = list(self._packed)[max(0, index - PACKS_BEFORE) : index]
        return [*(one for pack in begin for one in pack.moments()), *shown]

    def _has_enough_to_pack(self) -> bool:
        """The latest moment is never packed, be it ever so large."""
        many = len(self._recent) > PACKED_TOGETHER or self._fresh_records > MOST_NODE_RECORDS
        return many and len(self._recent) > 1

    def _pack(self) -> None:
        """Pack all but the latest moment, and forget what is too old or too much."""
        *older, latest = self._recent
        like = self._packed[-1].latest if self._packed else None
        self._packed.append(PackedMoments(older, like))
        self._recent, self._fresh_records = [latest], 0
        while len(self._packed) > 1 and (
            self._packed[1].times[0] <= latest.as_of - KEPT_SECONDS
            or sum(pack.size for pack in self._packed) > MOST_BYTES
        ):
            self._packed.popleft()

    def _keep_pool(self, snapshot: Snapshot) -> None:
        pool = snapshot.triton.sample.kv_pool if snapshot.triton is not None else None
        if pool is None or pool.used_share is None:
            return
        times, shares = self._pool_times, self._pool_used
        if times and int(times[-1]) == int(snapshot.as_of):
            del times[-1:], shares[-1:]
        times.append(snapshot.as_of)
        shares.append(pool.used_share)
        del times[:-KEPT_SECONDS], shares[:-KEPT_SECONDS]

    def _keep_series(self, snapshot: Snapshot) -> None:
        """Keep the ticks and the log lines that are new; earlier ticks than were known go before
        all."""
        last_tick = self._ticks[-1].at if self._ticks else 0.0
        known = self._ticks[0].at if self._ticks else float("inf")
        if snapshot.ticks and snapshot.ticks[0].at < known:
            self._ticks = deque(snapshot.ticks, maxlen=self._ticks.maxlen)
        else:
            begin = bisect.bisect_right(snapshot.ticks, last_tick, key=attrgetter("at"))
            self._ticks += snapshot.ticks[begin:]
        last = self._events[-1] if self._events else None
        self._events += [
            event
            for event in snapshot.events
            if last is None or event.sequence > last.sequence or event.at > last.at
        ]

    def _forget(self) -> None:
        """Begin anew: the clock was set back, or another engine answers, whose clock is behind."""
        self._packed.clear()
        self._ticks.clear()
        del self._pool_times[:], self._pool_used[:]
        self._recent, self._fresh_records = [], 0


def target(shown: Replay, seek: SeekReplay) -> float:
    """Where a seek leads, as the engine takes it in a recording: to a moment, by so many seconds,
    or to the next event or the one before."""
    if seek.to is not None:
        return seek.to
    if seek.by is not None:
        return shown.position + seek.by
    times = [marker.at for marker in shown.markers]
    if (seek.marker or 0) > 0:
        return next((at for at in times if at > shown.position), shown.end)
    return next((at for at in reversed(times) if at < shown.position), shown.start)


def _fresh_records(before: Snapshot | None, after: Snapshot) -> int:
    """How many records of calls a moment does not share with the one before."""
    nodes = after.nodes
    known = before.nodes if before is not None else None
    if nodes is None or known is nodes:
        return 0
    of_runs, of_traffic = (known.nodes, known.traffic) if known is not None else ((), ())
    pairs = chain(zip_longest(of_runs, nodes.nodes), zip_longest(of_traffic, nodes.traffic))
    return sum(old is not new for old, new in pairs)
