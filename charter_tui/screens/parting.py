"""What is waited for when the console was left, where that takes longer than usual."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

SHOWN_AFTER_SECONDS: Final = 1.5
"""Assumed: an engine ends its Triton sooner, and nobody wants to read of it then."""
WORDS: Final = (
    "The engine ends, and its own Triton with it; one that goes on is killed in a while.",
    "q leaves at once; the engine does the rest by itself.",
)


class PartingScreen(ModalScreen[None]):
    """Shown until the console ends; `q` has it end at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,escape", "app.leave", "Leave at once", id="parting.leave")
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Waiting for the engine to end", classes="dialog-title", markup=False)
            for text in WORDS:
                yield Label(text, classes="dialog-note", markup=False)
