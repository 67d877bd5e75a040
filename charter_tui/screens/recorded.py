"""The comparison of recordings: two recordings side by side, or one around its last push."""

from collections.abc import Callable, Iterable

from textual.widget import Widget

from charter_engine.contracts.commands import CompareRecorded
from charter_engine.contracts.recordings import CompareRecordings, RecordingComparison
from charter_tui.bindings import bindings
from charter_tui.console import Console, full_path
from charter_tui.present.figures import legend
from charter_tui.present.recorded import recorded_lines
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.form import Field, FormScreen, some_path
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine


class RecordedView(LineView, can_focus=True):
    """All of a comparison."""

    DEFAULT_CSS = "RecordedView { height: 1fr; overflow-y: auto; padding: 0 1; }"

    def __init__(self, found: RecordingComparison) -> None:
        super().__init__()
        self._found = found

    def rebuild(self) -> None:
        self.set_lines(recorded_lines(self._found, self.inner_width))


class RecordedScreen(ConsoleScreen):
    """What was compared when it was opened: recordings do not change."""

    SCOPE = "recorded"
    NAME = "two recordings"
    BINDINGS = bindings("recorded")

    def __init__(self, found: RecordingComparison) -> None:
        super().__init__()
        self._found = found

    def body(self) -> Iterable[Widget]:
        yield RecordedView(self._found)
        yield StaticLine(legend(("measured",)))

    def action_close(self) -> None:
        self.dismiss()


def recorded_form(
    console: Console, before: str, after: str, take: Callable[[RecordingComparison], None]
) -> FormScreen:
    """Asks which recordings to compare, with two paths to begin with, and hands on what the engine
    finds."""

    async def submit(values: dict[str, str]) -> None:
        second = values["after"].strip()
        request = CompareRecordings(
            before=full_path(values["before"]), after=full_path(second) if second else ""
        )
        take(await console.ask(CompareRecorded(request)))

    return FormScreen(
        "Compare recordings",
        (
            Field("before", "A", before, "a recording", check=some_path),
            Field("after", "B", after, "empty: A after its last push"),
        ),
        submit,
        note="Without B, A before its last push is compared with A after it.",
        verb="Compare",
    )
