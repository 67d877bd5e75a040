"""What every full screen of the console has.

Title, banners, replay bar and footer, and the snapshot it renders.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.reactive import reactive
from textual.widget import Widget

from charter_tui.action import Scope
from charter_tui.actions import find
from charter_tui.present.possible import why_not
from charter_tui.screens.dismissal import DismissedOnce
from charter_tui.state import Snapshot
from charter_tui.widgets.keys import KeyFooter
from charter_tui.widgets.panels import Banner, ReplayBar, TitleBar

if TYPE_CHECKING:
    from charter_tui.console import Console


class ConsoleScreen(DismissedOnce[None]):
    """A screen that renders the app's snapshot. It gets none while another screen covers it."""

    ALLOW_IN_MAXIMIZED_VIEW = "TitleBar, KeyFooter"
    SCOPE: ClassVar[Scope]
    NAME: ClassVar[str]
    is_mode: ClassVar[bool] = False
    """Whether it stays below the others, and is never closed."""
    app: "Console"

    snapshot: reactive[Snapshot] = reactive(Snapshot(), repaint=False, init=False)

    def compose(self) -> ComposeResult:
        yield TitleBar(self.NAME).data_bind(ConsoleScreen.snapshot)
        yield Banner().data_bind(ConsoleScreen.snapshot)
        yield from self.body()
        yield ReplayBar().data_bind(ConsoleScreen.snapshot)
        yield KeyFooter().data_bind(ConsoleScreen.snapshot)

    def body(self) -> Iterable[Widget]:
        """The screen's own widgets."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.snapshot = self.app.snapshot

    def on_screen_resume(self) -> None:
        self.snapshot = self.app.snapshot

    def keep_looking(self, seconds: float, look: Callable[[], object]) -> None:
        """Look now, and every so many seconds while this screen is in front and shows what is
        live as it goes on."""

        def look_again() -> None:
            shown = self.snapshot
            if self.is_current and shown.seeking is None and not shown.held:
                look()

        look()
        self.set_interval(seconds, look_again)

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Whether an action of this screen may run now; None greys it."""
        found = find(self.SCOPE, action)
        refused = found is not None and (self.app.refusal(found.risk) or self.why_not(action))
        return None if refused else True

    def why_not(self, action: str) -> str:
        """Why an action of this screen does nothing as things stand; empty where it does
        something."""
        return why_not(f"{self.SCOPE}.{action}", self.snapshot)
