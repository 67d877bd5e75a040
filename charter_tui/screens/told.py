"""What the console told in passing, to be read again."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from charter_tui.present.told import Notice, told_lines
from charter_tui.screens.dismissal import DismissedOnce
from charter_tui.widgets.line_view import LineView


class ToldView(LineView, can_focus=True):
    """The words, wrapped to the width."""

    DEFAULT_CSS = "ToldView { height: auto; max-height: 76vh; overflow-y: auto; }"

    def __init__(self, told: Sequence[Notice]) -> None:
        super().__init__()
        self._told = told

    def rebuild(self) -> None:
        self.set_lines(told_lines(self._told, self.inner_width))


class ToldScreen(ModalScreen[None], DismissedOnce[None]):
    """Closed by Escape, q or its own key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f3", "close", "Close", id="told.close")
    ]

    def __init__(self, told: Sequence[Notice]) -> None:
        super().__init__()
        self._view = ToldView(told)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall told"):
            yield self._view

    def action_close(self) -> None:
        self.dismiss()
