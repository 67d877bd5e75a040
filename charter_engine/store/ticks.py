"""Ticks put together: fewer of them for a longer time, with nothing lost that stood out."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from math import ceil

from charter_engine.contracts.series import (
    TICK_FIGURES,
    Tick,
    TickFigure,
    ValueRange,
)

GAP = 2.5
"""Stretches of a tick's length: where the next one ends later than that, nobody measured."""


def together(ticks: Sequence[Tick]) -> Tick:
    """Neighbouring ticks as one: sums of what was counted, means of what was sampled, and what
    either ranged over."""
    if len(ticks) == 1:
        return ticks[0]
    ranges = ((figure, _range(ticks, figure)) for figure in TICK_FIGURES)
    return Tick(
        at=ticks[-1].at,
        seconds=sum(one.seconds for one in ticks),
        requests=sum(one.requests for one in ticks),
        prompt_tokens=sum(one.prompt_tokens for one in ticks),
        computed_tokens=sum(one.computed_tokens for one in ticks),
        ttft_ms=_mean(ticks, "ttft_ms", lambda one: one.requests),
        pool_used=_mean(ticks, "pool_used", lambda one: one.seconds),
        waiting=_mean(ticks, "waiting", lambda one: one.seconds),
        gpu_utilization=_mean(ticks, "gpu_utilization", lambda one: one.seconds),
        gpu_memory_used=_mean(ticks, "gpu_memory_used", lambda one: one.seconds),
        ranges={figure: found for figure, found in ranges if found and found.low < found.high},
    )


def thinned(ticks: Sequence[Tick], most: int) -> tuple[Tick, ...]:
    """At most so many ticks: where there are more, those of one column of the time axis are put
    together, and a column in which nobody measured has none."""
    if most < 1:
        return ()
    if len(ticks) <= most:
        return tuple(ticks)
    begin = ticks[0].at - ticks[0].seconds
    width = (ticks[-1].at - begin) / most
    columns = groupby(ticks, key=lambda one: min(most, ceil((one.at - begin) / width)))
    return tuple(together(list(column)) for _, column in columns)


def unbroken(ticks: Sequence[Tick]) -> tuple[tuple[Tick, ...], ...]:
    """The ticks in runs without a gap between them."""
    runs: list[list[Tick]] = [[one] for one in ticks[:1]]
    usual = _usual_length(ticks)
    for before, one in pairwise(ticks):
        if one.at - before.at > GAP * max(usual, one.seconds):
            runs.append([])
        runs[-1].append(one)
    return tuple(map(tuple, runs))


def _usual_length(ticks: Sequence[Tick]) -> float:
    lengths = sorted(one.seconds for one in ticks)
    return lengths[len(lengths) // 2] if lengths else 1.0


def _range(ticks: Iterable[Tick], figure: TickFigure) -> ValueRange | None:
    known = [found for one in ticks if (found := one.range_of(figure)) is not None]
    if not known:
        return None
    return ValueRange(min(one.low for one in known), max(one.high for one in known))


def _mean(
    ticks: Iterable[Tick], figure: TickFigure, weight: Callable[[Tick], float]
) -> float | None:
    """The mean of what is known of a figure; None where nothing is, or where it weighs nothing."""
    known = [(value, weight(one)) for one in ticks if (value := getattr(one, figure)) is not None]
    whole = sum(heavy for _, heavy in known)
    return sum(value * heavy for value, heavy in known) / whole if whole else None
