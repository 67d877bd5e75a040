"""The event log: the newest at the bottom, in view unless the operator scrolled back."""

from typing import TYPE_CHECKING

from textual.geometry import Size

from charter_tui.present.panels import event_line
from charter_tui.present.spans import EMPTY, Line, Span, line, line_width
from charter_tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from charter_engine.contracts.gauges import Event

_NOTHING_YET: Line = line(Span("Nothing has happened yet.", "muted"))


class EventLog(LineView, can_focus=True):
    """Formats only the lines in view, so that a thousand events a second cost no more than ten."""

    PARTS = ("events",)
    BORDER_TITLE = "[bold $primary] Log "
    DEFAULT_CSS = "EventLog { height: 1fr; overflow-y: auto; }"

    def __init__(self) -> None:
        super().__init__()
        self._events: tuple[Event, ...] = ()
        self._following = True

    def rebuild(self) -> None:
        self._events = self.snapshot.events
        self.virtual_size = Size(0, len(self._events))
        if self._following:
            self.call_after_refresh(self.scroll_end, animate=False, immediate=True)
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._following = new_value >= self.max_scroll_y

    def line_at(self, index: int) -> Line:
        if not self._events:
            return EMPTY if index else _NOTHING_YET
        if index >= len(self._events):
            return EMPTY
        event, shown = self._events[index], self.snapshot
        told = event_line(event, named=shown.named_in_full)
        if line_width(told) <= self.inner_width:
            return told
        return event_line(event, named=shown.named)
