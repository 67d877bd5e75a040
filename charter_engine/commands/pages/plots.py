"""Plots as SVG: bars beside each other, and curves over time.

They are drawn here, so that a page shows them without a script and without a library: a plotting
library in a page is megabytes of it. The legend stands above the data, never over it.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from math import ceil, floor, log10
from typing import Final, NamedTuple

from charter_engine.commands.pages.page import COLOURS, text

WIDTH: Final = 640
HEIGHT: Final = 230
LEFT: Final = 52
RIGHT: Final = 12
TOP: Final = 14
BOTTOM: Final = 26
"""Assumed, in CSS pixels: two plots beside each other on a laptop, with room for the labels."""
LINES: Final = 5
"""Assumed: as many as a plot of that height has room for."""
PLACES: Final = 4
"""Parts of the axis, named at their ends."""

Label = Callable[[float], str]
"""How a place on the axis is called."""


class BarSeries(NamedTuple):
    """One bar in each group; None: nothing is known there."""

    name: str
    values: Sequence[float | None]


class PlottedPoint(NamedTuple):
    """A value at a place on the axis, with what it ranged over."""

    x: float
    y: float
    low: float
    high: float


class PlottedCurve(NamedTuple):
    """A curve in runs without a gap between them."""

    name: str
    runs: Sequence[Sequence[PlottedPoint]]


class PlotMark(NamedTuple):
    """Something that happened, as a line across with its `number` above."""

    x: float
    words: str
    number: int


def bars(title: str, unit: str, groups: Sequence[str], series: Sequence[BarSeries]) -> str:
    """Groups of bars with their values above them; nothing where no value is known."""
    known = [value for one in series for value in one.values if value is not None]
    if not known:
        return ""
    scale = _Scale(max(known))
    width = (WIDTH - LEFT - RIGHT) / len(groups)
    bar = min(46.0, 0.8 * width / len(series))
    parts = [scale.grid()]
    for number, one in enumerate(series[:COLOURS]):
        shapes = []
        for place, value in enumerate(one.values):
            if value is None:
                continue
            middle = LEFT + width * (place + 0.5) + bar * (number - (len(series) - 1) / 2)
            top = scale.y(value)
            shapes.append(
                f'<rect class="bar" x="{middle - 0.45 * bar:.1f}" y="{top:.1f}" '
                f'width="{0.9 * bar:.1f}" height="{HEIGHT - BOTTOM - top:.1f}">'
                f"<title>{text(f'{groups[place]}, {one.name}: {short(value)} {unit}')}</title>"
                f'</rect><text class="value" x="{middle:.1f}" y="{top - 3:.1f}">'
                f"{short(value)}</text>"
            )
        parts.append(_own(number, "".join(shapes)))
    parts += [
        f'<text x="{LEFT + width * (place + 0.5):.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{text(name)}</text>"
        for place, name in enumerate(groups)
    ]
    return _figure(title, unit, [one.name for one in series], parts)


def curves(
    title: str,
    unit: str,
    series: Sequence[PlottedCurve],
    label: Label,
    marks: Iterable[PlotMark] = (),
) -> str:
    """Curves over one axis, whose places `label` names; nothing where no value is known. What a
    value ranged over is a band behind its curve."""
    points = [point for one in series for run in one.runs for point in run]
    if not points:
        return ""
    scale = _Scale(max(point.high for point in points))
    begin, end = min(point.x for point in points), max(point.x for point in points)

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - begin) / ((end - begin) or 1.0)

    parts = [scale.grid()]
    parts += [
        f'<text x="{x(begin + (end - begin) * part / PLACES):.1f}" y="{HEIGHT - 8}" '
        f'text-anchor="{_anchor(part)}">'
        f"{text(label(begin + (end - begin) * part / PLACES))}</text>"
        for part in range(PLACES + 1)
    ]
    for number, one in enumerate(series[:COLOURS]):
        drawn = [[point._replace(x=x(point.x)) for point in run] for run in one.runs]
        parts.append(_own(number, "".join(_run(run, scale) for run in drawn)))
    parts += [
        f'<line class="mark" x1="{x(mark.x):.1f}" x2="{x(mark.x):.1f}" y1="{TOP}" '
        f'y2="{HEIGHT - BOTTOM}"><title>{text(mark.words)}</title></line>'
        f'<text class="value" x="{x(mark.x):.1f}" y="{TOP - 3}">{mark.number}</text>'
        for mark in marks
        if begin <= mark.x <= end
    ]
    parts.append(f'<line class="cross" x1="0" x2="0" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
    told = _told(series, x, unit, label)
    return _figure(title, unit, [one.name for one in series], parts, told)


def _anchor(part: int) -> str:
    """The first and the last name of the axis keep within it."""
    return {0: "start", PLACES: "end"}.get(part, "middle")


def short(value: float) -> str:
    """Three digits of a number, with thousands and millions by their letter."""
    size = abs(value)
    for unit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{value / unit:.3g}{sign}"
    return f"{value:.3g}"


class _Scale:
    """The upright axis, from nothing to a round number that is not below the most."""

    def __init__(self, most: float) -> None:
        step = (most or 1.0) / LINES
        power = 10.0 ** floor(log10(step))
        self._step = next(
            factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * (1 - 1e-9)
        )
        self._lines = max(1, ceil(most / self._step - 1e-9))

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / (self._step * self._lines)

    def grid(self) -> str:
        return "".join(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(value):.1f}" '
            f'y2="{self.y(value):.1f}"/><text x="{LEFT - 6}" y="{self.y(value) + 4:.1f}" '
            f'text-anchor="end">{short(value)}</text>'
            for value in (self._step * line for line in range(self._lines + 1))
        )


def _run(run: Sequence[PlottedPoint], scale: _Scale) -> str:
    if len(run) == 1:
        (point,) = run
        return f'<circle class="dot" cx="{point.x:.1f}" cy="{scale.y(point.y):.1f}" r="2"/>'
    line = " ".join(f"{point.x:.1f},{scale.y(point.y):.1f}" for point in run)
    upper = [f"{point.x:.1f},{scale.y(point.high):.1f}" for point in run]
    lower = [f"{point.x:.1f},{scale.y(point.low):.1f}" for point in reversed(run)]
    ranging = any(point.low < point.high for point in run)
    band = f'<polygon class="band" points="{" ".join(upper + lower)}"/>' if ranging else ""
    return f'{band}<polyline class="curve" points="{line}"/>'


def _told(
    series: Sequence[PlottedCurve],
    x: Callable[[float], float],
    unit: str,
    label: Label,
) -> str:
    """What a pointer over the plot is told: at which place which values."""
    moments = sorted({point.x for one in series for run in one.runs for point in run})
    values = [{point.x: point for run in one.runs for point in run} for one in series]
    content = {
        "at": [round(x(moment), 1) for moment in moments],
        "labels": [label(moment) for moment in moments],
        "series": [
            {
                "name": one.name,
                "values": [_in_words(known.get(moment), unit) for moment in moments],
            }
            for one, known in zip(series, values, strict=True)
        ],
    }
    # "</" would end the element that holds it.
    return json.dumps(content, separators=(",", ":")).replace("</", "<\\/")


def _in_words(point: PlottedPoint | None, unit: str) -> str | None:
    if point is None:
        return None
    ranged = f" ({short(point.low)} to {short(point.high)})" if point.low < point.high else ""
    return f"{short(point.y)} {unit}{ranged}"


def _own(number: int, content: str) -> str:
    return f'<g data-series="{number}" style="--own: var(--s{number})">{content}</g>'


def _figure(
    title: str, unit: str, names: Sequence[str], parts: Iterable[str], told: str = ""
) -> str:
    legend = "".join(
        f'<li style="--own: var(--s{number})"><label><input type="checkbox" checked '
        f'value="{number}">{text(name)}</label></li>'
        for number, name in enumerate(names)
        if len(names) > 1
    )
    return (
        f"<figure><figcaption>{text(title)} <small>{text(unit)}</small></figcaption>"
        f'<ul class="legend">{legend}</ul>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(title)}">'
        + "".join(parts)
        + '</svg><div class="tip"></div>'
        + (f'<script type="application/json">{told}</script>' if told else "")
        + "</figure>"
    )
