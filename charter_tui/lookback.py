"""What was on screen in the last hour, to look back at while the live screen is held still.

A moment is a snapshot without its series and its log, which are kept once and cut off at it. What
did not change from one moment to the next is shared between them.
"""

import bisect
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from typing import Final

from charter_engine.contracts.commands import SeekReplay
from charter_engine.contracts.gauges import MARKED, Event, Gauge, Marker, Replay, Ticked
from charter_engine.contracts.gpu import GpuStatus
from charter_engine.contracts.series import Tick
from charter_tui.state import (
    KEPT_EVENTS,
    KEPT_GPU_SAMPLES,
    KEPT_POOL_SAMPLES,
    KEPT_TICKS,
    Snapshot,
    changed_gauges,
)

KEPT_SECONDS: Final = 3600
MOST_NODE_RECORDS: Final = 40_000
"""Records of calls that are kept beyond those of the present, about 300 bytes each."""
MOST_LOG_LINES: Final = 5_000
WORTH_GOING_TO: Final = MARKED | {"failure"}
"""Kinds of events worth going to."""


class Lookback:
    """One moment a second, the latest hour of them; fewer where many calls change all the time."""

    def __init__(self) -> None:
        self._moments: deque[tuple[Snapshot, int]] = deque(maxlen=KEPT_SECONDS)
        self._node_records = 0
        self._ticks: deque[Tick] = deque(maxlen=KEPT_SECONDS + KEPT_TICKS)
        self._events: deque[Event] = deque(maxlen=MOST_LOG_LINES)

    def take(self, snapshot: Snapshot) -> None:
        """Keep what is on screen, in place of what was within the same second."""
        self._keep_series(snapshot)
        if self._moments and snapshot.as_of < self._moments[-1][0].as_of:
            self._forget()
        if self._moments and int(snapshot.as_of) == int(self._moments[-1][0].as_of):
            self._node_records -= self._moments.pop()[1]
        before = self._moments[-1][0] if self._moments else Snapshot()
        moment = replace(snapshot, ticks=(), events=(), pool_used=(), gpus=())
        fresh = _fresh_records(before, moment)
        if len(self._moments) == KEPT_SECONDS:
            self._node_records -= self._moments[0][1]
        self._moments.append((moment, fresh))
        self._node_records += fresh
        while self._node_records > MOST_NODE_RECORDS and len(self._moments) > 1:
            self._node_records -= self._moments.popleft()[1]

    def frozen(self, at: float | None = None, end: float | None = None) -> Snapshot:
        """The screen as it was at that epoch second, or as it is; `frozen` tells of the hour around
        it, which ends at `end`, or at the newest moment. There must be a moment to show."""
        first = self._moments[0][0].as_of
        last = self._moments[-1][0].as_of if end is None else max(first, end)
        position = last if at is None else min(max(at, first), last)
        moments = [moment.as_of for moment, _ in self._moments]
        index = max(0, bisect.bisect_right(moments, position) - 1)
        moment = self._moments[index][0]
        markers = tuple(
            Marker(event.at, event.kind, event.text, event.level, event.node)
            for event in self._events
            if event.kind in WORTH_GOING_TO and first <= event.at <= last
        )
        return replace(
            moment,
            events=tuple(one for one in self._events if one.at <= position)[-KEPT_EVENTS:],
            ticks=tuple(one for one in self._ticks if one.at <= position)[-KEPT_TICKS:],
            pool_used=self._pool_used(index),
            gpus=self._gpus(index),
            frozen=Replay(
                path="", start=first, end=last, position=position, paused=True, markers=markers
            ),
        )

    def told(self, begin: float, end: float) -> Iterator[Gauge | Event]:
        """What was told from one epoch second to another, oldest first: the whole state at the
        beginning, then what changed of it, and what happened."""
        moments = [moment.as_of for moment, _ in self._moments]
        first = max(0, bisect.bisect_right(moments, begin) - 1)
        last = bisect.bisect_right(moments, end)
        before = Snapshot()
        told: list[Gauge | Event] = []
        for moment in itertools.islice((moment for moment, _ in self._moments), first, last):
            told += changed_gauges(before, moment, max(begin, moment.as_of))
            before = moment
        told += [Gauge(at=one.at, payload=Ticked(one)) for one in self._ticks]
        told += self._events
        told.sort(key=attrgetter("at"))
        return (one for one in told if begin <= one.at <= end)

    def _pool_used(self, index: int) -> tuple[float, ...]:
        begin = max(0, index + 1 - KEPT_POOL_SAMPLES)
        shown = [self._moments[at][0].triton for at in range(begin, index + 1)]
        pools = [triton.sample.kv_pool for triton in shown if triton is not None]
        shares = [pool.used_share for pool in pools if pool is not None]
        return tuple(share for share in shares if share is not None)

    def _gpus(self, index: int) -> tuple[GpuStatus, ...]:
        begin = max(0, index + 1 - KEPT_GPU_SAMPLES)
        shown = (self._moments[at][0].gpu for at in range(begin, index + 1))
        return tuple(one.status for one in shown if one is not None and one.status.gpus)

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
        """Begin anew: another engine answers, whose clock is behind."""
        self._moments.clear()
        self._node_records = 0


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


def _fresh_records(before: Snapshot, after: Snapshot) -> int:
    """How many records of calls a moment does not share with the one before."""
    if after.nodes is None or before.nodes is after.nodes:
        return 0
    known = {id(one) for one in before.nodes.nodes} if before.nodes else set()
    return sum(id(one) not in known for one in after.nodes.nodes) + len(after.nodes.traffic)
