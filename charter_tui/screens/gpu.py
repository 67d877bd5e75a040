"""The GPU screen: every device in full."""

from collections.abc import Iterable
from typing import Final

from textual.widget import Widget

from charter_tui.bindings import bindings
from charter_tui.present.curves import GPU_BUSY, GPU_MEMORY
from charter_tui.present.figures import legend
from charter_tui.present.gpu import SERVED, gpu_screen_lines, shown_gpus
from charter_tui.present.gpu_plots import GpuHistory
from charter_tui.present.strips import strip_lines
from charter_tui.screens.base import ConsoleScreen
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine

CURVES: Final = (GPU_BUSY, GPU_MEMORY)
TALL: Final = 32
"""Rows from which on the curves are drawn `TALL_ROWS` high."""
TALL_ROWS: Final = 3
"""Derived: of 32 rows the curves leave what a device tells."""


class GpuScreen(ConsoleScreen):
    """All devices, one below the other."""

    SCOPE = "gpu"
    NAME = "GPU"
    BINDINGS = bindings("gpu")

    def body(self) -> Iterable[Widget]:
        yield GpuView().data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend(("measured", "derived")))

    def action_close(self) -> None:
        self.dismiss()


class GpuView(LineView, can_focus=True):
    """Scrolls with the arrows, where there are more devices than room."""

    DEFAULT_CSS = "GpuView { height: 1fr; overflow-y: auto; padding: 0 1; }"
    PARTS = ("gpu", "ticks", "triton")

    def rebuild(self) -> None:
        shown, width = self.snapshot, max(20, self.inner_width)
        told = any(curve.value(tick) is not None for tick in shown.ticks for curve in CURVES)
        rows = TALL_ROWS if self.size.height >= TALL else 1
        curves = strip_lines(shown, width, CURVES, rows) if told else ()
        history = GpuHistory(shown.gpus, shown.ticks)
        height = self.size.height
        self.set_lines(
            gpu_screen_lines(
                shown_gpus(shown),
                history,
                width,
                height,
                curves,
                served=lambda cells, high: strip_lines(shown, cells, SERVED, high, ends_right=True),
            )
        )
