"""The node screen: one call's prompt by segments, its figures, and its retention."""

from collections.abc import Iterable
from pathlib import PurePath

from rich.cells import cell_len
from textual.containers import Container
from textual.widget import Widget

from charter_engine.contracts.graph import Call
from charter_tui.bindings import bindings
from charter_tui.editing import edit
from charter_tui.present.figures import legend
from charter_tui.present.spans import Span, line, plain
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.retention import retention_form
from charter_tui.widgets.panels import NodeFiguresView
from charter_tui.widgets.prompt_view import PromptView
from charter_tui.widgets.static_line import StaticLine


class NodeScreen(ConsoleScreen):
    """One node; `]` and `[` go to its neighbours."""

    SCOPE = "node"
    NAME = "node"
    BINDINGS = bindings("node")

    def __init__(self, node: str) -> None:
        super().__init__()
        self.node = node

    def body(self) -> Iterable[Widget]:
        yield NodeHeading(self.node).data_bind(ConsoleScreen.snapshot)
        with Container(id="node-body"):
            yield PromptView(self.node).data_bind(ConsoleScreen.snapshot)
            yield NodeFiguresView(self.node).data_bind(ConsoleScreen.snapshot)
        yield StaticLine(legend())

    def action_next_node(self) -> None:
        self._go(1)

    def action_previous_node(self) -> None:
        self._go(-1)

    def _go(self, by: int) -> None:
        nodes = [call.id for call in self.snapshot.calls]
        if self.node in nodes:
            self.node = nodes[(nodes.index(self.node) + by) % len(nodes)]
            self.query_one(NodeHeading).show(self.node)
            self.query_one(PromptView).show(self.node)
            self.query_one(NodeFiguresView).show(self.node)

    def action_toggle_draft(self) -> None:
        self.query_one(PromptView).toggle_draft()

    def action_edit_source(self) -> None:
        call = self.snapshot.call(self.node)
        if call is not None:
            edit(self.app, call)

    def action_edit_retention(self) -> None:
        self.app.push_screen(retention_form(self.app, self.node))

    def action_close(self) -> None:
        self.dismiss()


class NodeHeading(StaticLine):
    """The node's id and its place in the source."""

    PARTS = ("session",)

    def __init__(self, node: str) -> None:
        super().__init__(())
        self._node = node

    def show(self, node: str) -> None:
        """Show another node."""
        self._node = node
        self.rebuild()

    def rebuild(self) -> None:
        call = self.snapshot.call(self._node)
        place = self._place(call) if call else "  no longer in the agent's source"
        loop = (
            f"  ↻ {plain(call.loop.target)} in {plain(call.loop.iterable)}"
            if call and call.loop
            else ""
        )
        self.set_lines(
            (line(Span(plain(self._node), "title"), Span(place, "muted"), Span(loop, "accent")),)
        )

    def _place(self, call: Call) -> str:
        """The file with its folder where that fits, and always the line."""
        whole = f"  {plain(call.path)}:{call.line}"
        fits = cell_len(self._node) + cell_len(whole) <= self.inner_width
        return whole if fits else f"  {plain(PurePath(call.path).name)}:{call.line}"
