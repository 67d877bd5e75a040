"""How numbers read on screen.

Each carries the mark of where it comes from, with or without colour.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from charter_engine.contracts.figures import Label
from charter_tui.present.spans import Line, Span, Tone, line

MARKS: Final[dict[Label, str]] = {
    "measured": "=",
    "derived": "÷",
    "predicted": "~",
    "assumed": "?",
}
NOTHING: Final = Span("–", "muted")
FOREVER: Final = "∞"
MOST_DIGITS: Final = 3
"""More than read best, by which figures are told apart."""

_SIZE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def marked(text: str, label: Label) -> Span:
    """A figure with its mark in its label's tone."""
    return Span(f"{MARKS[label]}{text}", label)


def legend(labels: Sequence[Label] = ("measured", "predicted", "assumed")) -> Line:
    """What the marks mean."""
    spans = (Span(f"{MARKS[label]} {label}", label) for label in labels)
    return line(*(part for span in spans for part in (span, "  ")))[:-1]


def count(value: float | None, label: Label) -> Span:
    """A whole number with thousands separated."""
    return NOTHING if value is None else marked(f"{value:,.0f}", label)


def counted(number: int, what: str = "request") -> str:
    """So many of something: `1 request`, `1,200 requests`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def short_count(value: int) -> str:
    """A whole number in at most six characters; all of its digits where they fit."""
    for limit, size, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e5, 1e3, "k")):
        if value >= limit:
            scaled = value / size
            return f"{scaled:.1f}{unit}" if scaled < 100 else f"{scaled:.0f}{unit}"
    return f"{value:,}"


def percent(share: float | None, label: Label, digits: int = 1) -> Span:
    """A share of 0 to 1 in per cent."""
    return NOTHING if share is None else marked(percent_text(share, digits), label)


def percent_text(share: float, digits: int = 1) -> str:
    """`63.4 %`; never rounded up to 100 nor down to 0, and `100 %` only for all of it."""
    value = share * 100
    if value >= 100:
        return f"{value:.0f} %"
    unit = 10**-digits
    if value < 100 and round(value, digits) >= 100:
        value = 100 - unit
    if value > 0 and round(value, digits) <= 0:
        return f"<{unit:g} %"
    return f"{value:.{digits}f} %"


def milliseconds(value: float | None, label: Label) -> Span:
    """A time span in the unit that reads best."""
    return NOTHING if value is None else marked(milliseconds_text(value), label)


def per_second(value: float | None, label: Label) -> Span:
    """How many in a second, in three digits or more."""
    return NOTHING if value is None else marked(_three_digits(value), label)


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def signed(value: float, digits: int = 0) -> str:
    """A difference with its sign; what rounds to nought has none."""
    text = f"{value:+,.{digits}f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]


def milliseconds_text(value: float) -> str:
    """`8.4 ms`, `412 ms`, `1.25 s`, `2 m 05 s`."""
    if value < 9.95:
        return f"{value:.1f} ms"
    if value < 999.5:
        return f"{value:.0f} ms"
    seconds = value / 1000
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    return clock_span(seconds)


def precise_milliseconds(value: float, digits: int) -> str:
    """A time span with so many more digits than reads best."""
    if not digits:
        return milliseconds_text(value)
    if value < 999.5:
        return f"{value:.{digits}f} ms"
    return f"{value / 1000:,.{digits + 1}f} s"


def precise_percent(share: float, digits: int) -> str:
    """A share with so many more digits than reads best."""
    return percent_text(share, 1 + digits)


def apart(
    values: Sequence[float | None], text: Callable[[float, int], str], label: Label
) -> list[Span]:
    """Figures of one kind, below each other, with the fewest digits by which what differs is told
    apart: what is a little better must not look the same as what it beats."""
    known = [value for value in values if value is not None]
    differing = len({f"{value:.6g}" for value in known})
    digits = next(
        (
            digits
            for digits in range(MOST_DIGITS)
            if len({text(value, digits) for value in known}) >= differing
        ),
        MOST_DIGITS,
    )
    return [NOTHING if value is None else marked(text(value, digits), label) for value in values]


def moment(at: float, local: Callable[[float], time.struct_time] = time.localtime) -> str:
    """An epoch second as a day and a time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", local(at))


def clock_span(seconds: float) -> str:
    """`0:42`, `12:05`, `3:00:10`."""
    whole = max(0, math.floor(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def byte_size(value: float | None, label: Label) -> Span:
    """A size in binary units."""
    return NOTHING if value is None else marked(byte_size_text(value), label)


def byte_size_text(value: float) -> str:
    """`812 B`, `4.2 MiB`."""
    size, unit = float(value), 0
    while size >= 1023.5 and unit < len(_SIZE_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return (
        f"{size:.0f} {_SIZE_UNITS[unit]}"
        if unit == 0 or size >= 99.95
        else f"{size:.1f} {_SIZE_UNITS[unit]}"
    )


def duration_text(duration_ms: int | None) -> str:
    """A retention duration as it is typed: `500ms`, `30s`, `5m`, `2h`; ∞ until evicted."""
    if duration_ms is None:
        return FOREVER
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if duration_ms and duration_ms % size == 0:
            return f"{duration_ms // size}{unit}"
    return f"{duration_ms}ms"


def heat(share: float | None) -> Tone:
    """The tone of a hit rate: how much of what was asked came out of the cache."""
    if share is None:
        return "muted"
    return (
        "kv-cold"
        if share < 0.1
        else "kv-cool"
        if share < 0.4
        else "kv-warm"
        if share < 0.75
        else "kv-hot"
    )


def priority_tone(priority: int) -> Tone:
    """The tone of a retention priority; 35 is TensorRT-LLM's default."""
    return (
        "retention-low"
        if priority < 35
        else "retention-default"
        if priority == 35
        else "retention-high"
    )


_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, width: int, tone: Tone = "accent") -> Line:
    """A horizontal bar of `width` cells, filled by `share` of 0 to 1 to an eighth of a cell."""
    filled = max(0.0, min(1.0, share)) * width
    whole = int(filled)
    part = _EIGHTHS[int((filled - whole) * 8)].strip() if whole < width else ""
    return line(Span("█" * whole + part, tone), Span("░" * (width - whole - len(part)), "muted"))


_HEIGHTS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """A sign a value, as high as its share of the highest."""
    highest = max(values, default=0.0)
    last = len(_HEIGHTS) - 1
    return "".join(
        _HEIGHTS[round(max(0.0, value) / highest * last) if highest > 0 else 0] for value in values
    )
