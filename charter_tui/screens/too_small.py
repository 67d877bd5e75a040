"""What a terminal below 80 by 24 shows: how large it is and how large it must be."""

from typing import Final

from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

SMALLEST: Final = Size(80, 24)


def too_small(size: Size) -> bool:
    """Whether the console can't be read at that size."""
    return size.width < SMALLEST.width or size.height < SMALLEST.height


class TooSmallScreen(ModalScreen[None]):
    """Goes by itself when there is room."""

    def compose(self) -> ComposeResult:
        yield Static("", id="too-small")

    def on_mount(self) -> None:
        self.tell(self.app.size)

    def tell(self, size: Size) -> None:
        """Say the size as it is now."""
        needed = f"{SMALLEST.width}×{SMALLEST.height}"
        self.query_one(Static).update(
            f"This terminal is {size.width}×{size.height}.\nCharter needs {needed}.\n"
            "Make it larger; nothing is lost."
        )
