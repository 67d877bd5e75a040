"""The cache screen: what lies in the pool, who holds it, and what had to go."""

from collections.abc import Iterable
from typing import Final

from textual import work
from textual.containers import Container, Vertical
from textual.widget import Widget

from charter_engine.contracts.commands import ShowCache
from charter_engine.contracts.contents import ContentsReport, HeldBy
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.cache import (
    displacement_lines,
    holding_columns,
    holding_rows,
    no_pool_lines,
    note_lines,
    nothing_passed,
    prefix_lines,
    summary_lines,
)
from charter_tui.present.figures import legend
from charter_tui.present.measured_pool import as_measured, is_unknown
from charter_tui.present.pool_map import BY, map_legend, map_lines
from charter_tui.present.requests import RequestFilter
from charter_tui.present.spans import EMPTY
from charter_tui.present.words import ASKING, EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.requests import RequestsScreen
from charter_tui.widgets.line_table import LineTable
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.panels import StripsPanel
from charter_tui.widgets.static_line import StaticLine

LOOK_SECONDS: Final = 5.0
"""Between two looks at the pool; the block manager follows what passed meanwhile."""
MAP_ROWS: Final = ((60, 10), (40, 6), (30, 4), (0, 2))
"""From how many lines of the terminal on the map has how many."""


class PoolMap(LineView, can_focus=True):
    """The pool's figures, and its blocks as a map."""

    PARTS = ("triton",)
    DEFAULT_CSS = "PoolMap { height: auto; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.report: ContentsReport | None = None
        self.by: HeldBy = "node"
        self.other = ""
        self.empty = ASKING

    def rebuild(self) -> None:
        width = max(20, self.inner_width)
        report = self.report
        if report is None or is_unknown(report):
            empty = self.empty if report is None else nothing_passed(report, self.snapshot)
            self.set_lines(no_pool_lines(self.snapshot, empty, width))
            return
        pool = self.snapshot.triton.sample.kv_pool if self.snapshot.triton else None
        rows = next(rows for lines, rows in MAP_ROWS if self.app.size.height >= lines)
        self.set_lines(
            (
                *summary_lines(report, self.snapshot, width),
                *map_lines(report, pool, self.by, width, rows),
                map_legend(self.by, width, self.other),
            )
        )


class HoldingsTable(LineTable):
    """Who holds how much of the pool."""

    NAMES = "name"

    def __init__(self) -> None:
        super().__init__()
        self.report = ContentsReport()
        self.predicted = ContentsReport()
        self.by: HeldBy = "node"

    def rebuild(self) -> None:
        if is_unknown(self.report):
            self.set_rows((), ())
            return
        measured = self.report.label == "measured"
        columns = holding_columns(self.inner_width, measured=measured)
        shown = self.snapshot
        rows = holding_rows(
            self.report, self.by, columns, self.predicted, shown.named, shown.session_named
        )
        self.set_rows(columns, rows)

    def why_no_pick(self) -> str:
        if self.by != "priority":
            return ""
        return "Requests are not listed by priority: v goes to nodes or sessions."


class PoolDetail(LineView, can_focus=True):
    """The prefixes and evictions of the node under the cursor, or of all."""

    DEFAULT_CSS = "PoolDetail { height: 1fr; overflow-y: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self.report = ContentsReport()
        self.node = ""

    def rebuild(self) -> None:
        if not self.report.requests:
            self.set_lines(())
            return
        width, named = self.inner_width, self.snapshot.named
        self.set_lines(
            (
                *prefix_lines(self.report, self.snapshot.calls, self.node, width, named),
                EMPTY,
                *displacement_lines(self.report, self.node, width, named),
                EMPTY,
                *note_lines(self.report, width),
            )
        )


class CacheScreen(ConsoleScreen):
    """Asks the engine while it is in front. Where the server tells of its blocks itself, they are
    shown as measured until `m` asks for the prediction."""

    SCOPE = "cache"
    NAME = "cache"
    AUTO_FOCUS = "HoldingsTable"
    BINDINGS = bindings("cache")

    def __init__(self) -> None:
        super().__init__()
        self._report = ContentsReport()
        self._measured = True

    def body(self) -> Iterable[Widget]:
        yield PoolMap().data_bind(ConsoleScreen.snapshot)
        with Container(id="cache-body"):
            yield HoldingsTable().data_bind(ConsoleScreen.snapshot)
            with Vertical(id="cache-side"):
                yield PoolDetail().data_bind(ConsoleScreen.snapshot)
                yield StripsPanel(classes="pane").data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend(("measured", "predicted")))

    def on_mount(self) -> None:
        super().on_mount()
        self.keep_looking(LOOK_SECONDS, self.look)

    @work(exclusive=True, group="cache", exit_on_error=False)
    async def look(self) -> None:
        """Ask what lies in the pool."""
        pool_map = self.query_one(PoolMap)
        try:
            report: ContentsReport = await self.app.ask(ShowCache())
        except EngineRefused as error:
            pool_map.empty = EmptyState(str(error), refused=True)
            pool_map.rebuild()
            return
        self._report = report
        self._show()

    def _show(self) -> None:
        """The pool as measured, where it was and that is wanted, else as predicted."""
        pool_map, table = self.query_one(PoolMap), self.query_one(HoldingsTable)
        shown = as_measured(self._report) if self._measured else self._report
        pool_map.report = table.report = self.query_one(PoolDetail).report = shown
        table.predicted = self._report
        if self._report.measured is not None:
            pool_map.other = "predicted" if self._measured else "measured"
        self._rebuild()
        self.refresh_bindings()

    def _rebuild(self) -> None:
        self.query_one(PoolMap).rebuild()
        self.query_one(HoldingsTable).rebuild()
        self.query_one(PoolDetail).rebuild()

    def on_line_table_highlighted(self, event: LineTable.Highlighted) -> None:
        detail, by = self.query_one(PoolDetail), self.query_one(HoldingsTable).by
        node = event.key if by == "node" and self.snapshot.call(event.key) is not None else ""
        if node != detail.node:
            detail.node = node
            detail.rebuild()

    def on_line_table_picked(self, event: LineTable.Picked) -> None:
        """Show the requests of a node or session."""
        if not self.query_one(HoldingsTable).why_no_pick():
            self.app.push_screen(RequestsScreen(RequestFilter(text=event.key, own=True)))

    def why_not(self, action: str) -> str:
        if action == "next_by" and is_unknown(self._report):
            return nothing_passed(self._report, self.snapshot).text
        return super().why_not(action)

    def action_next_by(self) -> None:
        """Tell the pool apart by what comes next."""
        table = self.query_one(HoldingsTable)
        table.by = BY[(BY.index(table.by) + 1) % len(BY)]
        self.query_one(PoolMap).by = table.by
        self.query_one(PoolDetail).node = ""
        self._rebuild()
        self.refresh_bindings()

    def action_show_measured(self) -> None:
        """Change between what was measured and what is predicted."""
        if self._report.measured is None:
            self.app.notify(
                "This server does not report single blocks: --kv-events names where it does."
            )
            return
        self._measured = not self._measured
        self._show()

    def action_close(self) -> None:
        self.dismiss()
