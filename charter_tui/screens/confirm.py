"""A question before something dear: the focus is on Cancel, and the dearest needs a name typed."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label

from charter_tui.present.confirmation import Confirmation
from charter_tui.screens.dismissal import DismissedOnce
from charter_tui.widgets.wrapped_text import WrappedText


class Confirm(ModalScreen[bool], DismissedOnce[bool]):
    """Dismissed with True only by the deliberate answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "cancel", "Cancel", id="confirm.cancel"),
        Binding("y", "agree", "Yes", id="confirm.agree"),
        Binding("left,up", "app.focus_previous", "Before", show=False, id="confirm.before"),
        Binding("right,down", "app.focus_next", "Next", show=False, id="confirm.next"),
    ]

    def __init__(self, question: Confirmation) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        question = self._question
        with Vertical(classes="dialog"):
            yield Label(question.title, classes="dialog-title", markup=False)
            for text in question.consequences:
                yield WrappedText(text, classes="dialog-note")
            if question.word:
                yield Label(f"Type {question.word} to go on.", classes="dialog-note", markup=False)
                yield Input(id="word", compact=True)
            with Horizontal(classes="buttons"):
                yield from self.buttons()

    def buttons(self) -> Iterable[Button]:
        """The answers, the one that changes nothing first."""
        yield Button("Cancel", id="cancel", compact=True)
        yield Button(
            self._question.verb,
            id="confirm",
            variant="error",
            compact=True,
            disabled=bool(self._question.word),
        )

    def on_mount(self) -> None:
        self.query_one("#word" if self._question.word else "#cancel").focus()

    @on(Input.Changed, "#word")
    def _typed(self, event: Input.Changed) -> None:
        self.query_one("#confirm", Button).disabled = event.value.strip() != self._question.word

    @on(Input.Submitted, "#word")
    def _entered(self, event: Input.Submitted) -> None:
        if event.value.strip() == self._question.word:
            self.dismiss(True)

    @on(Button.Pressed, "#confirm")
    def _confirmed(self) -> None:
        self.dismiss(True)

    def action_agree(self) -> None:
        """`y` answers what needs no word; a dearer question needs its word whatever is pressed."""
        if not self._question.word:
            self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(False)
