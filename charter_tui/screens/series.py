"""What was measured, over ten minutes to a year: of a live engine from its memory and its database,
of a replay from the recording."""

from collections.abc import Iterable
from typing import Final

from textual import work
from textual.widget import Widget

from charter_engine.contracts.commands import ListMarks, ListTicks
from charter_engine.contracts.gauges import Marker
from charter_engine.contracts.series import Tick
from charter_tui.bindings import bindings
from charter_tui.link import EngineRefused
from charter_tui.present.figures import legend
from charter_tui.present.series import (
    NOTHING_MEASURED,
    STRETCHES,
    MeasuredStretch,
    columns,
    stretch_lines,
)
from charter_tui.present.words import ASKING, EmptyState
from charter_tui.screens.base import ConsoleScreen
from charter_tui.state import Snapshot
from charter_tui.widgets.line_view import LineView
from charter_tui.widgets.static_line import StaticLine

LOOK_SECONDS: Final = 5.0
"""Assumed: nobody sees a line of an hour or more move within them."""


class SeriesView(LineView):
    """The stretch that is looked at, as tall as the screen leaves room."""

    DEFAULT_CSS = "SeriesView { height: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.stretch = MeasuredStretch(empty=ASKING)
        self.named = STRETCHES[0][1]

    def rebuild(self) -> None:
        width, height = max(20, self.inner_width), max(8, self.size.height)
        self.set_lines(stretch_lines(self.stretch, self.named, width, height))


class SeriesScreen(ConsoleScreen):
    """Asks the engine while it is in front. It ends where the screen stands in time, until somebody
    goes to an earlier stretch."""

    SCOPE = "series"
    NAME = "over time"
    BINDINGS = bindings("series")

    def __init__(self) -> None:
        super().__init__()
        self._chosen = 0
        self._until: float | None = None
        self._present = 0.0

    def body(self) -> Iterable[Widget]:
        yield SeriesView()
        yield StaticLine(legend(("measured",)))

    def on_mount(self) -> None:
        super().on_mount()
        self.keep_looking(LOOK_SECONDS, self.look)

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        if _position(old) != _position(new):
            self.look()

    @property
    def seconds(self) -> int:
        """How long the stretch is."""
        return STRETCHES[self._chosen][0]

    @property
    def end(self) -> float | None:
        """Where the stretch ends: None at the present."""
        return _position(self.snapshot) if self._until is None else self._until

    @work(exclusive=True, group="series", exit_on_error=False)
    async def look(self) -> None:
        """Ask what was measured and marked."""
        view = self.query_one(SeriesView)
        seconds, until = float(self.seconds), self.end
        most = columns(max(20, view.inner_width))
        ticks: tuple[Tick, ...] = ()
        marks: tuple[Marker, ...] = ()
        empty = NOTHING_MEASURED
        try:
            ticks = await self.app.ask(ListTicks(seconds=seconds, most=most, until=until))
            marks = await self.app.ask(ListMarks(seconds=seconds, until=until))
        except EngineRefused as error:
            empty = EmptyState(str(error), refused=True)
        if until is None:
            # The present is the engine's: what it measured last, if anything.
            self._present = ticks[-1].at if ticks else self.snapshot.as_of
        end = self._present if until is None else until
        view.stretch = MeasuredStretch(end - seconds, end, ticks, marks, empty, live=until is None)
        view.named = STRETCHES[self._chosen][1]
        view.rebuild()

    def action_longer(self) -> None:
        """The next longer stretch."""
        self._choose(self._chosen + 1)

    def action_shorter(self) -> None:
        """The next shorter stretch."""
        self._choose(self._chosen - 1)

    def _choose(self, number: int) -> None:
        self._chosen = min(max(0, number), len(STRETCHES) - 1)
        self.look()

    def action_earlier(self) -> None:
        """The stretch before."""
        if end := self.end or self._present:
            self._until = end - self.seconds
            self.look()

    def action_later(self) -> None:
        """The stretch behind, up to where the screen stands in time."""
        if self._until is not None:
            later = self._until + self.seconds
            newest = _position(self.snapshot) or self._present
            self._until = later if later < newest else None
            self.look()

    def action_close(self) -> None:
        self.dismiss()


def _position(snapshot: Snapshot) -> float | None:
    """Where a replay or a frozen screen stands, to the second; None while it is live."""
    return None if snapshot.seeking is None else float(round(snapshot.seeking.position))
