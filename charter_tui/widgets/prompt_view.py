"""A node's prompt: a map of its segments with the reach of reuse, and the segments' text below."""

from charter_tui.present.graph_table import node_plan
from charter_tui.present.prompt import kinds_legend, map_lines, output_lines, place, planned_order, segment_lines
from charter_tui.present.spans import EMPTY
from charter_tui.state import node_prediction, share
from charter_tui.widgets.line_view import LineView


class PromptView(LineView, can_focus=True):
    """The prompt as the live plan sends it."""

    PARTS = ("session", "nodes", "draft")
    DEFAULT_CSS = (
        "PromptView { height: 1fr; overflow-y: auto; scrollbar-gutter: stable; scrollbar-size-horizontal: 0; }"
    )

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node

    def show(self, node: str) -> None:
        """Show another node's prompt from its beginning."""
        self._node = node
        self.scroll_home(animate=False)
        self.rebuild()

    def rebuild(self) -> None:
        call = self.snapshot.call(self._node)
        width = self.inner_width
        if call is None or width <= 0:
            self.set_lines(())
            return
        stats = self.snapshot.stats(self._node)
        plan = node_plan(self.snapshot.plan, self._node)
        predicted = node_prediction(self.snapshot.live_prediction, self._node)
        placed = place(planned_order(call, plan), stats)
        reach = share(predicted.reused_tokens, predicted.prompt_tokens) if predicted else None
        self.set_lines(
            (
                *map_lines(placed, stats, reach, width),
                kinds_legend(),
                EMPTY,
                *segment_lines(placed, width),
                *output_lines(stats, bool(self.snapshot.session and self.snapshot.session.notice), width),
            )
        )
