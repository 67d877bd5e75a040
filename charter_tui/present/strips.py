"""What was measured second by second, as strips of braille dots: two seconds a cell."""

from collections.abc import Callable, Sequence
from typing import Final

from charter_engine.contracts.figures import Label
from charter_engine.contracts.series import Tick
from charter_tui.present.braille import braille
from charter_tui.present.figures import NOTHING, marked, milliseconds, percent, short_count
from charter_tui.present.spans import Line, Span, Tone, fit, line
from charter_tui.state import Snapshot

LABEL_WIDTH: Final = 9
FIGURE_WIDTH: Final = 10
Value = Callable[[Tick], float | None]


def strip_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """Computed tokens a second, hit rate, time to the first token and the pool, of the last seconds
    that there is room for."""
    room = width - LABEL_WIDTH - FIGURE_WIDTH
    if room < 8 or not snapshot.ticks:
        return ()
    shown = snapshot.ticks[-2 * room :]
    last = shown[-1]
    timed = [one.ttft_ms for one in shown if one.ttft_ms is not None]
    rates = [one.hit_rate for one in shown if one.hit_rate is not None]
    label = _tokens_label(snapshot)
    return (
        _strip(
            "Computed",
            shown,
            lambda one: one.computed_tokens,
            None,
            _computed(last, label),
            "bad",
        ),
        _strip(
            "Hit rate",
            shown,
            lambda one: one.hit_rate,
            1.0,
            percent(rates[-1], label) if rates else NOTHING,
            "kv-hot",
        ),
        _strip(
            "TTFT",
            shown,
            lambda one: one.ttft_ms,
            None,
            milliseconds(timed[-1], "measured") if timed else NOTHING,
            "warning",
        ),
        _strip(
            "KV used",
            shown,
            lambda one: one.pool_used,
            1.0,
            percent(last.pool_used, "measured"),
            "accent",
        ),
    )


def _tokens_label(snapshot: Snapshot) -> Label:
    """Where tokens come from: of a server that counts blocks alone they are derived from these."""
    rates = snapshot.triton.sample.rates if snapshot.triton is not None else None
    return "derived" if rates is not None and rates.prompt_blocks is not None else "measured"


def _computed(last: Tick, label: Label) -> Span:
    """Prompt tokens computed a second; nothing where requests passed and nobody told of reuse."""
    if last.requests and not last.prompt_tokens:
        return NOTHING
    return marked(f"{short_count(round(last.computed_per_second))}/s", label)


def _strip(
    label: str, ticks: Sequence[Tick], value: Value, top: float | None, last: Span, tone: Tone
) -> Line:
    values = [value(one) for one in ticks]
    highest = top or max((one for one in values if one is not None), default=0.0)
    return line(
        Span(f"{label:<{LABEL_WIDTH}}", "muted"),
        *fit(line(last), FIGURE_WIDTH - 1, "right"),
        Span(" "),
        Span(braille(values, highest), tone),
    )
