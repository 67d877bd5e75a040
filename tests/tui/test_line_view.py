"""The view of lines that the panels are made of."""

from textual.app import App, ComposeResult

from charter_tui.present.spans import Line, Span, line
from charter_tui.widgets.line_view import LineView

HEIGHT = 10


class TallView(LineView):
    """Ten lines high, and scrolls what is longer."""

    DEFAULT_CSS = f"TallView {{ height: {HEIGHT}; overflow-y: auto; }}"


class OneView(App[None]):
    """A view alone."""

    def compose(self) -> ComposeResult:
        yield TallView()


def lines(count: int) -> tuple[Line, ...]:
    return tuple(line(Span(f"line {number}")) for number in range(count))


async def test_the_scrollbar_goes_when_the_lines_fit_again() -> None:
    app = OneView()
    async with app.run_test() as pilot:
        view = app.query_one(TallView)
        view.set_lines(lines(HEIGHT + 1))
        await pilot.pause()
        assert view.show_vertical_scrollbar
        view.set_lines(lines(HEIGHT))
        await pilot.pause()
        assert not view.show_vertical_scrollbar
