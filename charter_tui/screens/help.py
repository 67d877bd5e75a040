"""The help: every key of this screen and everywhere, generated from the action table."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen

from charter_tui.present.help import help_lines
from charter_tui.present.spans import Line
from charter_tui.widgets.line_view import LineView


class HelpView(LineView, can_focus=True):
    """The help's lines."""

    DEFAULT_CSS = "HelpView { height: 1fr; overflow-y: auto; }"

    def __init__(self, content: tuple[Line, ...]) -> None:
        super().__init__()
        self._content = content

    def rebuild(self) -> None:
        self.set_lines(self._content)


class HelpScreen(ModalScreen[None]):
    """Closed by Escape, q or the help key."""

    BINDINGS = [Binding("escape,q,question_mark,f1", "close", "Close", id="help.close")]

    def __init__(self, scope: str, keys: dict[str, str], replaying: bool) -> None:
        super().__init__()
        self._lines = help_lines(scope, keys, replaying)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield HelpView(self._lines)

    def action_close(self) -> None:
        self.dismiss()
