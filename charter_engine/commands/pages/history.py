"""What was measured second by second, as curves."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from charter_engine.commands.pages.plots import Label, PlotMark, PlottedCurve, PlottedPoint, curves
from charter_engine.contracts.series import Tick, TickFigure

History = Sequence[Sequence[Tick]]
PER_CENT: Final = 100


class NamedHistory(NamedTuple):
    """What was measured, by runs without a gap; `begin` is the epoch second that its axis starts
    at."""

    name: str
    history: History
    begin: float = 0.0


class _Shown(NamedTuple):
    title: str
    unit: str
    figure: TickFigure
    factor: float = 1.0


SHOWN: Final = (
    _Shown("Prompt tokens computed", "a second", "computed_per_second"),
    _Shown("Time to first token", "ms, mean", "ttft_ms"),
    _Shown("KV pool in use", "%", "pool_used", PER_CENT),
    _Shown("Requests that wait", "", "waiting"),
    _Shown("GPU busy", "%", "gpu_utilization", PER_CENT),
    _Shown("GPU memory in use", "%", "gpu_memory_used", PER_CENT),
)


def history_plots(
    sides: Sequence[NamedHistory], label: Label, marks: Iterable[PlotMark] = ()
) -> Iterator[str]:
    """A plot of each figure, and one of the hit rate; those of which nothing is known are
    missing."""
    shown = list(marks)
    for one in SHOWN:
        series = [_curve(side, _point_of(one)) for side in sides]
        yield curves(one.title, one.unit, series, label, shown)
    rates = [_curve(side, _hit_rate) for side in sides]
    yield curves("Token hit rate", "%", rates, label, shown)


_Point = Callable[[Tick], PlottedPoint | None]


def _curve(side: NamedHistory, of: _Point) -> PlottedCurve:
    return PlottedCurve(
        side.name, [run for ticks in side.history for run in _runs(ticks, of, side.begin)]
    )


def _runs(ticks: Iterable[Tick], of: _Point, begin: float) -> Iterator[list[PlottedPoint]]:
    """The points of a run; where a figure is not known, the curve has a gap."""
    run: list[PlottedPoint] = []
    for tick in ticks:
        point = of(tick)
        if point is None:
            if run:
                yield run
            run = []
        else:
            run.append(point._replace(x=point.x - begin))
    if run:
        yield run


def _point_of(shown: _Shown) -> _Point:
    def point(tick: Tick) -> PlottedPoint | None:
        value, ranged = getattr(tick, shown.figure), tick.range_of(shown.figure)
        if value is None or ranged is None:
            return None
        values = (part * shown.factor for part in (value, ranged.low, ranged.high))
        return PlottedPoint(tick.at, *values)

    return point


def _hit_rate(tick: Tick) -> PlottedPoint | None:
    rate = tick.hit_rate
    if rate is None:
        return None
    return PlottedPoint(tick.at, *(PER_CENT * rate,) * 3)
