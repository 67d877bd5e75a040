"""Jump mode: a letter on every pane and every row in view; pressing it goes there."""

from collections.abc import Iterable, Iterator, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import ClassVar, Final, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from charter_tui.screens.dismissal import DismissedOnce
from charter_tui.widgets.line_table import LineTable

LETTERS: Final = ascii_lowercase + ascii_uppercase


class JumpTarget(NamedTuple):
    """Where a letter leads: a pane, and of a table a row, and where on screen the letter stands."""

    letter: str
    pane: Widget
    place: Offset
    row: int | None = None

    def go(self) -> None:
        """Focus the pane, with the cursor on the row."""
        self.pane.focus()
        if self.row is not None and isinstance(self.pane, LineTable):
            self.pane.cursor = self.row


def targets(panes: Iterable[Widget]) -> tuple[JumpTarget, ...]:
    """The places to go to on these panes, from the top left on, as many as there are letters."""
    found = sorted(_places(panes), key=lambda one: (one[1].y, one[1].x))
    lettered = zip(LETTERS, found, strict=False)
    return tuple(JumpTarget(letter, pane, place, row) for letter, (pane, place, row) in lettered)


def _places(panes: Iterable[Widget]) -> Iterator[tuple[Widget, Offset, int | None]]:
    for pane in panes:
        content = pane.content_region
        if not content or pane.disabled:
            continue
        beside = max(0, content.x - 1)
        if not isinstance(pane, LineTable):
            yield pane, Offset(beside, content.y), None
            continue
        first = pane.scroll_offset.y
        for line in range(1, content.height):
            row = first + line - 1
            if row < len(pane.rows) and pane.rows[row].pickable:
                yield pane, Offset(beside, content.y + line), row


class JumpScreen(ModalScreen[JumpTarget | None], DismissedOnce[JumpTarget | None]):
    """Lies over the screen until a key is pressed; one that is no letter leads nowhere."""

    DEFAULT_CSS = """
    JumpScreen { background: transparent; align: left top; }
    JumpScreen > .jump-letter {
        position: absolute; width: 1; height: 1; text-style: bold reverse;
        color: $warning; background: $background;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", show=False)]

    def __init__(self, places: Sequence[JumpTarget]) -> None:
        super().__init__()
        self._targets = {target.letter: target for target in places}

    def compose(self) -> ComposeResult:
        for letter, target in self._targets.items():
            sign = Static(letter, classes="jump-letter")
            sign.styles.offset = target.place
            yield sign

    def on_key(self, event: events.Key) -> None:
        event.stop()
        self.dismiss(self._targets.get(event.character or ""))

    def on_click(self) -> None:
        self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)
