"""The figures that are drawn over time: how each is called, read from a tick, and toned."""

from collections.abc import Callable
from typing import Final, NamedTuple

from charter_engine.contracts.series import Tick, TickFigure
from charter_tui.present.figures import milliseconds_text, percent_text, short_count
from charter_tui.present.spans import Tone


class MeasuredCurve(NamedTuple):
    """`figure` is what ticks that were put together keep the range of (None: of nothing), `top`
    where its axis ends (None: at the highest value)."""

    label: str
    value: Callable[[Tick], float | None]
    figure: TickFigure | None
    text: Callable[[float], str]
    tone: Tone
    top: float | None = None


def _computed(one: Tick) -> float | None:
    """Prompt tokens computed a second; nothing where requests passed and nobody told of reuse."""
    return None if one.requests and not one.prompt_tokens else one.computed_per_second


COMPUTED: Final = MeasuredCurve(
    "Computed",
    _computed,
    "computed_per_second",
    lambda value: f"{short_count(round(value))}/s",
    "title",
)
HIT_RATE: Final = MeasuredCurve(
    "Hit rate", lambda one: one.hit_rate, None, percent_text, "kv-hot", 1.0
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
