"""The figures that are drawn over time: how each is called, read from a tick, and toned."""

from collections.abc import Callable
from typing import Final, NamedTuple

from charter_engine.contracts.series import Tick, TickFigure
from charter_tui.present.figures import milliseconds_text, percent_text, short_count
from charter_tui.present.spans import Tone

FIGURE_WIDTH: Final = 10
"""Derived: cells of the longest figure with its mark, and a blank."""
FEWEST_CELLS: Final = 8
"""Assumed: sixteen seconds; less is no curve."""


class MeasuredCurve(NamedTuple):
    """`figure` is what ticks that were put together keep the range of (None: of nothing), `top`
    where its axis ends (None: at the highest value). `of_tokens` is whether it rests on tokens,
    `is_kept` whether the last figure stands through seconds that have none."""

    label: str
    value: Callable[[Tick], float | None]
    figure: TickFigure | None
    text: Callable[[float], str]
    tone: Tone
    top: float | None = None
    of_tokens: bool = False
    is_kept: bool = True


def _computed(tick: Tick) -> float | None:
    """Prompt tokens computed a second; None where requests passed and nobody told of reuse."""
    return None if tick.requests and not tick.prompt_tokens else tick.computed_per_second


COMPUTED: Final = MeasuredCurve(
    "Computed",
    _computed,
    "computed_per_second",
    lambda value: f"{short_count(round(value))}/s",
    "title",
    of_tokens=True,
    is_kept=False,
)
HIT_RATE: Final = MeasuredCurve(
    "Hit rate", lambda one: one.hit_rate, None, percent_text, "kv-hot", 1.0, True
)
TTFT: Final = MeasuredCurve(
    "TTFT", lambda one: one.ttft_ms, "ttft_ms", milliseconds_text, "warning"
)
POOL_USED: Final = MeasuredCurve(
    "KV used", lambda one: one.pool_used, "pool_used", percent_text, "accent", 1.0
)
WAITING: Final = MeasuredCurve(
    "Waiting", lambda one: one.waiting, "waiting", lambda value: f"{value:,.1f}", "bad"
)
GPU_BUSY: Final = MeasuredCurve(
    "GPU busy", lambda one: one.gpu_utilization, "gpu_utilization", percent_text, "good", 1.0
)
GPU_MEMORY: Final = MeasuredCurve(
    "GPU memory", lambda one: one.gpu_memory_used, "gpu_memory_used", percent_text, "kv-cool", 1.0
)
