"""A device's last minutes as plots: how busy it was, its memory, its power and its temperature."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from charter_engine.contracts.gpu import GpuSample, GpuStatus
from charter_engine.contracts.series import Tick
from charter_tui.present.braille import braille_rows
from charter_tui.present.curves import FEWEST_CELLS, FIGURE_WIDTH
from charter_tui.present.figures import NOTHING, byte_size_text, marked, percent_text
from charter_tui.present.spans import Line, Span, Tone, fit, line

LABEL_WIDTH: Final = 12
"""Derived: `Memory used` and a blank."""
MOST_ROWS: Final = 10
"""Assumed: a higher plot tells no more of 0 to 100 %."""


class GpuHistory(NamedTuple):
    """What was before: the latest samples, and the seconds that the engine remembers of all devices
    together."""

    samples: Sequence[GpuStatus] = ()
    ticks: Sequence[Tick] = ()


class GpuPlot(NamedTuple):
    """A figure over time. Its axis ends at `top`, or where that is not told at the highest value.
    `of_tick` is what a second of the engine's tells of it, as a share of `top`."""

    label: str
    value: Callable[[GpuSample], float | None]
    top: Callable[[GpuSample], float | None]
    text: Callable[[float], str]
    tone: Tone
    of_tick: Callable[[Tick], float | None] = lambda _: None


def _share(value: float) -> str:
    return percent_text(value, 0)


PLOTS: Final = (
    GpuPlot(
        "Busy",
        lambda gpu: gpu.utilization,
        lambda _: 1.0,
        _share,
        "good",
        lambda tick: tick.gpu_utilization,
    ),
    GpuPlot("Memory busy", lambda gpu: gpu.memory_utilization, lambda _: 1.0, _share, "kv-cool"),
    GpuPlot(
        "Memory used",
        lambda gpu: gpu.memory_used_bytes,
        lambda gpu: gpu.memory_total_bytes,
        byte_size_text,
        "accent",
        lambda tick: tick.gpu_memory_used,
    ),
    GpuPlot(
        "Power",
        lambda gpu: gpu.power_w,
        lambda gpu: gpu.power_limit_w,
        lambda value: f"{value:,.0f} W",
        "kv-warm",
    ),
    GpuPlot(
        "Temperature",
        lambda gpu: gpu.temperature_c,
        lambda gpu: gpu.slowdown_temperature_c,
        lambda value: f"{value:,.0f} °C",
        "kv-hot",
    ),
)


def plot_lines(gpu: GpuSample, history: GpuHistory, width: int, height: int) -> tuple[Line, ...]:
    """The plots of what the device tells, the newest second on the right, as high as so many lines
    allow; at least a line each. `history.ticks` are of a device that is the only one."""
    told = [plot for plot in PLOTS if plot.value(gpu) is not None]
    cells = width - LABEL_WIDTH - FIGURE_WIDTH
    if not told or cells < FEWEST_CELLS:
        return ()
    rows = max(1, min(MOST_ROWS, (height - 1) // len(told)))
    about = "  two seconds a cell, the newest on the right"
    return (
        line(Span("The last minutes", "title"), Span(about, "muted")),
        *(made for plot in told for made in _plot(plot, gpu, history, cells, rows)),
    )


def _plot(
    plot: GpuPlot, gpu: GpuSample, history: GpuHistory, cells: int, rows: int
) -> Iterator[Line]:
    values = _values(plot, gpu, history)[-2 * cells :]
    known = [value for value in values if value is not None]
    top = plot.top(gpu) or max(known, default=0.0)
    missing: list[float | None] = [None] * (2 * cells - len(values))
    latest = plot.value(gpu)
    figure = NOTHING if latest is None else marked(plot.text(latest), "measured")
    ends = Span(f"up to {plot.text(top)}", "muted")
    besides = [
        (Span(f"{plot.label:<{LABEL_WIDTH}}", "muted"), *fit((figure,), FIGURE_WIDTH - 1, "right")),
        fit((ends,), LABEL_WIDTH + FIGURE_WIDTH - 1, "right"),
    ]
    for row, dots in enumerate(braille_rows([*missing, *values], top, rows)):
        beside = besides[row] if row < len(besides) else ()
        yield (*fit(beside, LABEL_WIDTH + FIGURE_WIDTH), Span(dots, plot.tone))


def _values(plot: GpuPlot, gpu: GpuSample, history: GpuHistory) -> list[float | None]:
    whole = plot.top(gpu)
    of_ticks = [plot.of_tick(tick) for tick in history.ticks]
    if whole is not None and any(share is not None for share in of_ticks):
        return [None if share is None else share * whole for share in of_ticks]
    samples = (_of(gpu, status) for status in history.samples)
    return [None if one is None else plot.value(one) for one in samples]


def _of(gpu: GpuSample, status: GpuStatus) -> GpuSample | None:
    """The same device in another sample; None where it did not answer."""
    known = (gpu.index, gpu.mig_instance)
    return next((one for one in status.answering if (one.index, one.mig_instance) == known), None)
