"""The question before an engine is left that other consoles watch."""

from collections.abc import Iterable

from textual import on
from textual.widgets import Button

from charter_tui.present.confirmation import Confirmation
from charter_tui.screens.confirm import Confirm


class Leaving(Confirm):
    """Agreed to either by stopping the engine or, `to_others`, by leaving it to them."""

    def __init__(self, question: Confirmation, others: tuple[str, ...]) -> None:
        super().__init__(question)
        self._others = others
        self.to_others = False

    def buttons(self) -> Iterable[Button]:
        yield from super().buttons()
        if self._others:
            yield Button("Leave it to them", id="to-others", variant="primary", compact=True)

    @on(Button.Pressed, "#to-others")
    def _left(self) -> None:
        self.to_others = True
        self.dismiss(True)
