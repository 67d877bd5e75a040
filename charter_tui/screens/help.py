"""The help: every key of this screen and everywhere, generated from the action table."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from charter_tui.present.help import help_lines
from charter_tui.screens.dismissal import DismissedOnce
from charter_tui.widgets.line_view import LineView


class HelpView(LineView, can_focus=True):
    """The help's lines, wrapped to the width."""

    DEFAULT_CSS = "HelpView { height: 1fr; overflow-y: auto; }"

    def __init__(self, scope: str, keys: dict[str, str], replaying: bool) -> None:
        super().__init__()
        self._scope = scope
        self._keys = keys
        self._replaying = replaying

    def rebuild(self) -> None:
        self.set_lines(help_lines(self._scope, self._keys, self._replaying, self.inner_width))


class HelpScreen(ModalScreen[None], DismissedOnce[None]):
    """Closed by Escape, q or the help key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "close", "Close", id="help.close")
    ]

    def __init__(self, scope: str, keys: dict[str, str], replaying: bool) -> None:
        super().__init__()
        self._view = HelpView(scope, keys, replaying)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield self._view

    def action_close(self) -> None:
        self.dismiss()
