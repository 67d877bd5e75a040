"""What was measured second by second, as strips of braille dots: two seconds a cell."""

from collections.abc import Iterator, Sequence
from typing import Final

from charter_engine.contracts.figures import Label
from charter_engine.contracts.series import Tick
from charter_tui.present.braille import braille_rows
from charter_tui.present.curves import (
    COMPUTED,
    FEWEST_CELLS,
    FIGURE_WIDTH,
    HIT_RATE,
    POOL_USED,
    TTFT,
    MeasuredCurve,
)
from charter_tui.present.figures import NOTHING, marked
from charter_tui.present.spans import Line, Span, fit, line
from charter_tui.state import Snapshot

STRIPS: Final = (COMPUTED, HIT_RATE, TTFT, POOL_USED)


def strip_lines(
    snapshot: Snapshot,
    width: int,
    curves: Sequence[MeasuredCurve] = STRIPS,
    rows: int = 1,
    *,
    ends_right: bool = False,
) -> tuple[Line, ...]:
    """A strip a curve, of the last seconds that there is room for, with the latest figure; each so
    many rows high. With `ends_right` the newest second stands at the right end from the first on,
    as in plots that stand beside it."""
    label_width = 1 + max(len(curve.label) for curve in curves)
    room = width - label_width - FIGURE_WIDTH
    if room < FEWEST_CELLS or not snapshot.ticks:
        return ()
    shown = snapshot.ticks[-2 * room :]
    tokens = _tokens_label(snapshot)
    return tuple(
        made
        for curve in curves
        for made in _strip(
            curve,
            shown,
            label_width,
            rows,
            tokens if curve.of_tokens else "measured",
            2 * room - len(shown) if ends_right else 0,
        )
    )


def _tokens_label(snapshot: Snapshot) -> Label:
    """Where tokens come from: of a server that counts blocks alone they are derived from these."""
    rates = snapshot.triton.sample.rates if snapshot.triton is not None else None
    return "derived" if rates is not None and rates.prompt_blocks is not None else "measured"


def _strip(
    curve: MeasuredCurve,
    ticks: Sequence[Tick],
    label_width: int,
    rows: int,
    label: Label,
    unknown: int,
) -> Iterator[Line]:
    """`unknown` seconds stand empty ahead of those that are known."""
    values = [curve.value(one) for one in ticks]
    known = [value for value in values if value is not None]
    latest = known[-1] if known and curve.is_kept else values[-1]
    ahead: list[float | None] = [None] * unknown
    drawn = braille_rows([*ahead, *values], curve.top or max(known, default=0.0), rows)
    beside = line(
        Span(f"{curve.label:<{label_width}}", "muted"),
        *fit(
            line(NOTHING if latest is None else marked(curve.text(latest), label)),
            FIGURE_WIDTH - 1,
            "right",
        ),
        Span(" "),
    )
    for dots in drawn:
        yield (*beside, Span(dots, curve.tone))
        beside = line(Span(" " * (label_width + FIGURE_WIDTH)))
