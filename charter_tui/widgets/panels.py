"""The views that show one part of the snapshot each."""

import time
from typing import Final

from charter_tui.present.comparison import comparison_lines
from charter_tui.present.diff import diff_lines
from charter_tui.present.graph_table import failure_lines, legend_line
from charter_tui.present.header import banner_lines, title_lines
from charter_tui.present.headline import headline
from charter_tui.present.node_figures import figure_lines, retention_lines, state_line
from charter_tui.present.panels import memory_lines, run_lines, triton_lines
from charter_tui.present.replay import replay_lines
from charter_tui.present.spans import EMPTY, Span, fit, line_width
from charter_tui.present.strips import STRIPS, strip_lines
from charter_tui.present.work import planning_lines
from charter_tui.widgets.line_view import LineView

LEAST_FOR_WRAPPING: Final = 34
"""Lines of a terminal; on a lower one a second line of a failure would be cut off."""


class TitleBar(LineView):
    """The top line."""

    PARTS = (
        *("session", "link", "draft", "canary", "fleet", "recording", "replay", "alerts"),
        *("triton", "held", "locked"),
    )
    DEFAULT_CSS = "TitleBar { height: 1; dock: top; background: $panel; }"

    def __init__(self, screen_name: str) -> None:
        super().__init__()
        self._screen_name = screen_name

    def rebuild(self) -> None:
        session = self.snapshot.session
        only_watches = session is not None and session.read_only
        locked = "read-only" if self.snapshot.locked or only_watches else ""
        width = self.inner_width
        left, right = title_lines(self.snapshot, self._screen_name, locked, width)
        room = max(0, width - line_width(right))
        self.set_lines(((*fit(left, room - 1), Span(" "), *right),))


class Banner(LineView):
    """What must not be overlooked; takes no room where there is nothing."""

    PARTS = ("link", "session", "replay")
    DEFAULT_CSS = "Banner { height: auto; max-height: 5; background: $panel; }"

    def rebuild(self) -> None:
        self.set_lines(banner_lines(self.snapshot, time.time(), self.app.size.width))
        self.display = bool(self.lines)


class ReplayBar(LineView):
    """Position, markers and speed of a replay, or of a frozen screen; not there while live."""

    PARTS = ("replay", "frozen", "marked")
    DEFAULT_CSS = "ReplayBar { height: 2; background: $panel; display: none; }"

    def rebuild(self) -> None:
        shown = self.snapshot.seeking
        self.display = shown is not None
        if shown is not None:
            frozen = self.snapshot.frozen is not None
            marked = self.snapshot.marked
            self.set_lines(replay_lines(shown, self.app.size.width, frozen=frozen, marked=marked))


class MemoryPanel(LineView):
    """GPU and host memory."""

    PARTS = ("gpu", "host")

    def rebuild(self) -> None:
        self.set_lines(memory_lines(self.snapshot, self.inner_width))


class TritonPanel(LineView):
    """Triton's health and KV pool."""

    PARTS = ("triton", "run", "runs", "nodes", "session", "draft", "host")

    def rebuild(self) -> None:
        self.set_lines(triton_lines(self.snapshot, self.inner_width))


STRIP_ROWS: Final = ((56, 3), (46, 2))
"""From how many lines of a wide terminal on a strip has how many."""


class StripsPanel(LineView, can_focus=True):
    """What was measured second by second, higher where it has the screen alone."""

    PARTS = ("ticks",)
    BORDER_TITLE = "[bold $primary] The last minutes "

    def rebuild(self) -> None:
        # A panel that takes no room has no width to draw in: it is drawn as soon as it has. Its
        # style keeps the height of its lines, since none is given anew to what is drawn then.
        self.set_class(not self.snapshot.ticks, "empty")
        self.set_lines(strip_lines(self.snapshot, self.inner_width, rows=self._rows))

    @property
    def _rows(self) -> int:
        """How many lines a strip has: what it can where it is alone, more on a large screen."""
        if self.has_class("-maximized"):
            return max(1, self.size.height // len(STRIPS))
        if not self.screen.has_class("-wide"):
            return 1
        height = self.app.size.height
        return next((rows for lines, rows in STRIP_ROWS if height >= lines), 1)


class RunPanel(LineView):
    """Run progress, and the recording being written."""

    PARTS = ("run", "recording", "database")

    def rebuild(self) -> None:
        self.set_lines(run_lines(self.snapshot, self.inner_width))


class Headline(LineView):
    """What the agent's prompts cost, measured, and what could be saved."""

    PARTS = ("nodes", "session", "draft", "run", "link", "frozen", "replay")
    DEFAULT_CSS = "Headline { height: auto; padding-left: 1; }"

    def rebuild(self) -> None:
        self.set_lines(headline(self.snapshot, self.inner_width))
        self.display = bool(self.lines)


class GraphLegend(LineView):
    """What the graph's marks mean, and which calls are left out."""

    DEFAULT_CSS = "GraphLegend { height: 1; padding-left: 1; }"
    chosen: str = ""

    def rebuild(self) -> None:
        chosen = (Span(f"{self.chosen}  ", "accent"),) if self.chosen else ()
        self.set_lines(((*chosen, *legend_line(self.inner_width)),))


class Failures(LineView):
    """Why nodes failed; takes no room where none did."""

    PARTS = ("nodes",)
    DEFAULT_CSS = "Failures { padding-left: 1; max-height: 6; }"

    def rebuild(self) -> None:
        each = 2 if self.app.size.height >= LEAST_FOR_WRAPPING else 1
        self.set_lines(failure_lines(self.snapshot, max(20, self.app.size.width - 2), each))
        self.display = bool(self.lines)


class NodeFiguresView(LineView, can_focus=True):
    """State, figures and retention of one node."""

    PARTS = ("nodes", "session", "draft")
    BORDER_TITLE = "[bold $primary] Figures "
    DEFAULT_CSS = "NodeFiguresView { overflow-y: auto; scrollbar-size-horizontal: 0; }"

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def show(self, node: str) -> None:
        """Show another node."""
        self._node = node
        self.rebuild()

    def rebuild(self) -> None:
        shown, node = self.snapshot, self._node
        self.set_lines(
            (
                state_line(shown, node),
                EMPTY,
                *figure_lines(shown, node),
                EMPTY,
                *retention_lines(shown, node, self.inner_width),
            )
        )


class Comparison(LineView, can_focus=True):
    """As written, live and draft: what each costs."""

    BORDER_TITLE = "[bold $primary] What a run costs "
    PARTS = ("runs", "session", "draft")

    def rebuild(self) -> None:
        brief = self.screen.has_class("-short")
        self.set_lines(comparison_lines(self.snapshot, self.inner_width, brief=brief))


class DiffPanel(LineView, can_focus=True):
    """What a push would change and cost."""

    PARTS = ("draft", "session", "work", "link", "frozen", "replay")
    BORDER_TITLE = "[bold $primary] Draft "
    DEFAULT_CSS = "DiffPanel { overflow-y: auto; }"

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._awaits_plan = False

    def await_plan(self, awaited: bool) -> None:
        """Say that a plan was asked for, until it is told how far that is; or no more."""
        self._awaits_plan = awaited
        self.rebuild()

    def rebuild(self) -> None:
        width = self.inner_width
        planning = planning_lines(self.snapshot, width, asked=self._awaits_plan)
        self.set_lines((*planning, *diff_lines(self.snapshot, width)))
