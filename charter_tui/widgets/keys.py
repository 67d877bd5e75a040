"""The footer: the keys that do something now, as many as fit, help and quit among them always."""

from typing import Any, Final

from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.reactive import reactive
from textual.screen import Screen
from textual.strip import Strip

from charter_tui.actions import ACTIONS
from charter_tui.present.spans import Line, Span, line_width
from charter_tui.terminal.ascii import ascii_only
from charter_tui.widgets.line_view import LineView

ALWAYS: Final = ("app.help", "app.leave")
"""What nobody should have to look for."""
WITH_ROOM: Final = frozenset(action.id for action in ACTIONS if action.footer == "room")
ELSEWHERE: Final = frozenset(action.id for action in ACTIONS if action.scope == "app")
"""What leads to other screens, or acts on what is live."""
OF_THE_PAST: Final = frozenset(
    action.id for action in ACTIONS if action.scope == "replay" and action.footer is True
)
"""What holds a recording or the last hour still, and cuts a stretch out of it."""
IN_AND_OUT: Final = frozenset(action.id for action in ACTIONS if action.name in ("pick", "close"))
"""What opens a row, and what leads back."""
BETWEEN: Final = "  "
POINTED_AT: Final = Style(underline=True)


class KeyFooter(LineView):
    """Leaves out what is refused; where room is short, the last of what is not in `ALWAYS`.

    A click on a key presses it. One line, since Textual's own footer is a widget a key, which costs
    as much as all else on a screen together.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = "KeyFooter { height: 1; dock: bottom; background: $panel; }"

    pointed_at: reactive[Binding | None] = reactive(None)
    """The key under the mouse."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[tuple[Binding, Line], ...] = ()

    def on_mount(self) -> None:
        super().on_mount()
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[Any]) -> None:
        if screen.app.app_focus:
            self.rebuild()

    def rebuild(self) -> None:
        self._shown = tuple((binding, self._spans(binding)) for binding in self._fitting())
        keys = [span for _, spans in self._shown for span in spans]
        if keys:
            keys[-1] = Span(keys[-1].text.removesuffix(BETWEEN), keys[-1].tone)
        self.set_lines((tuple(keys),))

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        left = 0
        for binding, spans in self._shown:
            right = left + line_width(spans)
            if binding is self.pointed_at:
                pointed_at = strip.crop(left, right - 1).apply_style(POINTED_AT)
                return Strip.join([strip.crop(0, left), pointed_at, strip.crop(right - 1)])
            left = right
        return strip

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.pointed_at = self._at(event.x)

    def on_leave(self) -> None:
        self.pointed_at = None

    def watch_pointed_at(self, pointed_at: Binding | None) -> None:
        self.tooltip = pointed_at.tooltip if pointed_at is not None else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if (binding := self._at(event.x)) is not None:
            self.app.simulate_key(binding.key)

    def _at(self, column: int) -> Binding | None:
        """The key at that cell of the line."""
        for binding, spans in self._shown:
            if (column := column - line_width(spans)) < 0:
                return binding
        return None

    def _spans(self, binding: Binding) -> Line:
        key = self.app.get_key_display(binding)
        if not key.isascii() and ascii_only():
            # In ASCII its sign would be that of another key.
            key = binding.key
        return (Span(key, "title"), Span(f" {binding.description}{BETWEEN}", "text"))

    def _fitting(self) -> list[Binding]:
        offered: dict[str, Binding] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled:
                offered.setdefault(binding.id or binding.action, binding)
        room = self.app.size.width + len(BETWEEN)
        looks_back = self.snapshot.seeking is not None
        kept: set[str] = set()
        for name, binding in sorted(offered.items(), key=lambda one: _rank(one[0], looks_back)):
            room -= line_width(self._spans(binding))
            if room < 0:
                break
            kept.add(name)
        return sorted(
            (binding for name, binding in offered.items() if name in kept),
            key=lambda binding: binding.id in ALWAYS,
        )


def _rank(name: str, looks_back: bool) -> int:
    """What room is given to first: who looks at the past marks and exports some of it before doing
    more on a screen, or going elsewhere."""
    if name in ALWAYS:
        return 0
    if not looks_back:
        return 2 if name in WITH_ROOM else 1
    if name in OF_THE_PAST or name in IN_AND_OUT:
        return 1
    return 4 if name in ELSEWHERE else 3 if name in WITH_ROOM else 2
