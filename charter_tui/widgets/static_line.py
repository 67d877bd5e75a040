"""Lines that never change, such as a legend."""

from charter_tui.present.spans import Line
from charter_tui.widgets.line_view import LineView


class StaticLine(LineView):
    """One fixed line."""

    DEFAULT_CSS = "StaticLine { height: 1; }"

    def __init__(self, content: Line) -> None:
        super().__init__()
        self._content = content

    def rebuild(self) -> None:
        self.set_lines((self._content,))
