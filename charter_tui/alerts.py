"""The user's thresholds: what must not go above or below what, and which of it does."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from charter_engine.contracts.figures import Label
from charter_engine.contracts.moments import Mistyped, parse_seconds
from charter_engine.contracts.series import Tick
from charter_tui.present.figures import count, milliseconds, percent
from charter_tui.present.spans import Span
from charter_tui.typed import nearest, parse_share

HOLDS_SECONDS: Final = 10.0
"""For how long a figure is beyond its threshold before that is an alert, unless it is said."""
EXAMPLE: Final = "ttft > 2s for 30s"
_CONDITION: Final = re.compile(r"(\w+)\s*([<>])\s*(.+?)(?:\s+for\s+(.+))?")


class WatchedFigure(NamedTuple):
    """A figure that can be watched: how it is read, how its threshold is, and how it is shown."""

    of: Callable[[Tick], float | None]
    parse: Callable[[str], float]
    show: Callable[[float | None, Label], Span]


class Threshold(NamedTuple):
    """What is an alert: that a figure is above or below a value for so many seconds."""

    words: str
    figure: str
    above: bool
    value: float
    seconds: float


class Alert(NamedTuple):
    """A threshold that is passed, and since which epoch second that is an alert."""

    threshold: Threshold
    since: float


@dataclass(frozen=True)
class AlertRules:
    """What is watched, and how it is told beside a line: by the terminal's `bell`, and by a
    `command` that is started with the alert's words as its last argument."""

    thresholds: tuple[Threshold, ...] = ()
    bell: bool = True
    command: str = ""


def parse_number(text: str) -> float:
    """A number from 0, such as `1,200`. Raises `Mistyped`."""
    typed = text.strip().replace(",", "")
    if not re.fullmatch(r"\d+(\.\d+)?", typed):
        raise Mistyped(f"{text.strip()!r} is not a number from 0")
    return float(typed)


def parse_milliseconds(text: str) -> float:
    """A span of time such as `800ms` or `2s`. Raises `Mistyped`."""
    return 1000 * parse_seconds(text)


FIGURES: Final[dict[str, WatchedFigure]] = {
    "computed": WatchedFigure(lambda tick: tick.computed_per_second, parse_number, count),
    "ttft": WatchedFigure(lambda tick: tick.ttft_ms, parse_milliseconds, milliseconds),
    "hit": WatchedFigure(lambda tick: tick.hit_rate, parse_share, percent),
    "pool": WatchedFigure(lambda tick: tick.pool_used, parse_share, percent),
    "waiting": WatchedFigure(lambda tick: tick.waiting, parse_number, count),
    "gpu": WatchedFigure(lambda tick: tick.gpu_utilization, parse_share, percent),
    "gpu_memory": WatchedFigure(lambda tick: tick.gpu_memory_used, parse_share, percent),
}
"""Prompt tokens computed a second, time to the first token, hit rate, share of KV blocks in use,
requests that wait, how busy the GPUs are, and how much of their memory is used."""


def parse_threshold(text: str) -> Threshold:
    """`ttft > 2s for 30s`, `hit < 40 %`, `pool > 95 % for 1m`. Raises `Mistyped`."""
    words = " ".join(text.split())
    found = _CONDITION.fullmatch(words)
    if found is None:
        raise Mistyped(f"{words!r} is not a threshold such as {EXAMPLE!r}")
    name, sign, value, span = found.groups()
    if name not in FIGURES:
        known = nearest(name, FIGURES) or f"; there are {', '.join(FIGURES)}"
        raise Mistyped(f"no figure is called {name!r}{known}")
    seconds = HOLDS_SECONDS if span is None else parse_seconds(span)
    return Threshold(words, name, sign == ">", FIGURES[name].parse(value), seconds)


def standing(
    thresholds: Sequence[Threshold], ticks: Sequence[Tick], before: tuple[Alert, ...]
) -> tuple[Alert, ...]:
    """The alerts that stand behind the last tick; `before` itself where they are the same."""
    known = {alert.threshold: alert for alert in before}
    found = tuple(
        known.get(one) or Alert(one, ticks[-1].at) for one in thresholds if _passed(one, ticks)
    )
    return before if found == before else found


def _passed(threshold: Threshold, ticks: Sequence[Tick]) -> bool:
    """Whether every tick of the time that told of the figure is beyond the threshold."""
    if not ticks or ticks[-1].at - ticks[0].at < threshold.seconds:
        return False
    begin = ticks[-1].at - threshold.seconds
    read = FIGURES[threshold.figure].of
    told = []
    for tick in reversed(ticks):
        if tick.at <= begin:
            break
        told.append(read(tick))
    values = [value for value in told if value is not None]
    return bool(values) and all(
        value > threshold.value if threshold.above else value < threshold.value for value in values
    )


def latest(threshold: Threshold, ticks: Sequence[Tick]) -> Span:
    """The figure as it was told last."""
    figure = FIGURES[threshold.figure]
    values = (figure.of(tick) for tick in reversed(ticks))
    return figure.show(next((value for value in values if value is not None), None), "measured")
