"""A node's prompt: a map of its segments with the reach of reuse, and the segments' text below."""

from charter_tui.present.graph_table import node_plan
from charter_tui.present.prompt import (
    kinds_legend,
    map_lines,
    mean_prompt,
    output_lines,
    place,
    planned_order,
    segment_lines,
)
from charter_tui.present.spans import EMPTY, Span, line
from charter_tui.state import node_prediction, share
from charter_tui.widgets.line_view import LineView


class PromptView(LineView, can_focus=True):
    """The prompt as the live plan sends it, or as the draft would."""

    PARTS = ("session", "nodes", "draft")
    DEFAULT_CSS = "PromptView { height: 1fr; overflow-y: auto; scrollbar-size-horizontal: 0; }"

    def __init__(self, node: str) -> None:
        super().__init__()
        self._node = node
        self._draft = False

    def toggle_draft(self) -> None:
        """Change between the live plan's prompt and the draft's."""
        self._draft = not self._draft
        self.rebuild()

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
        shown, stats = self.snapshot, self.snapshot.stats(self._node)
        plan = node_plan(shown.draft_plan if self._draft else shown.plan, self._node)
        prediction = shown.draft.predicted if self._draft and shown.draft else shown.live_prediction
        predicted = node_prediction(prediction, self._node)
        placed = place(
            planned_order(call, plan), None if self._draft else stats, mean_prompt(stats)
        )
        reach = share(predicted.reused_tokens, predicted.prompt_tokens) if predicted else None
        self.set_lines(
            (
                line(
                    Span("Prompt", "title"),
                    Span(
                        "  as the draft sends it" if self._draft else "  as it is sent",
                        "draft" if self._draft else "muted",
                    ),
                    Span(f"  layout {plan.layout}", "muted"),
                ),
                *map_lines(placed, None if self._draft else stats, reach, width),
                kinds_legend(),
                EMPTY,
                *segment_lines(placed, width, shown.named),
                *output_lines(stats, bool(shown.session and shown.session.notice), width),
            )
        )
