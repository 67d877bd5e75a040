"""What a terminal shows that holds no table: how large it is and how large it must be."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from charter_tui.screens.dismissal import DismissedOnce

SMALLEST: Final = Size(40, 12)


def too_small(size: Size) -> bool:
    """Whether the console can't be read at that size."""
    return size.width < SMALLEST.width or size.height < SMALLEST.height


class TooSmallScreen(ModalScreen[None], DismissedOnce[None]):
    """Goes by itself when there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.leave", "Quit", id="too_small.quit")]

    def compose(self) -> ComposeResult:
        yield Static("", id="too-small")

    def on_mount(self) -> None:
        self.fit(self.app.size)

    def on_screen_resume(self) -> None:
        self.fit(self.app.size)

    def fit(self, size: Size) -> None:
        """Say the size as it is now, or go."""
        needed = f"{SMALLEST.width}×{SMALLEST.height}"
        self.query_one(Static).update(
            f"This terminal is {size.width}×{size.height}.\nCharter needs {needed}.\n"
            "Make it larger; nothing is lost. q quits."
        )
        if self.is_active and not too_small(size):
            self.dismiss()
