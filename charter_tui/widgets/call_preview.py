"""The call under the graph's cursor, shown where the terminal is tall enough for it."""

from charter_tui.present.preview import preview_lines
from charter_tui.widgets.line_view import LineView


class CallPreview(LineView, can_focus=True):
    """Follows the cursor; takes no room without a call."""

    PARTS = ("session", "nodes", "draft")

    def __init__(self) -> None:
        super().__init__()
        self._node = ""

    def show(self, node: str) -> None:
        """Show another call."""
        if node != self._node:
            self._node = node
            self.rebuild()

    def rebuild(self) -> None:
        self.set_lines(preview_lines(self.snapshot, self._node, self.inner_width))
