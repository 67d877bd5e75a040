"""The footer: the keys that do something now, as many as fit, help and quit among them always."""

from typing import Final

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from charter_tui.actions import ACTIONS

ALWAYS: Final = ("app.help", "app.leave")
"""What nobody should have to look for."""
WITH_ROOM: Final = frozenset(action.id for action in ACTIONS if action.footer == "room")
GAP: Final = 2
"""Cells beside a key and its label: one between them, one behind."""


class KeyFooter(Footer):
    """Leaves out what is refused; where room is short, the last of what is not in `ALWAYS`."""

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        if not self._bindings_ready:
            return
        for binding in self._fitting():
            yield FooterKey(
                binding.key,
                self.app.get_key_display(binding),
                binding.description,
                binding.action,
                tooltip=binding.tooltip,
            ).data_bind(compact=Footer.compact)

    def _fitting(self) -> list[Binding]:
        offered: dict[str, Binding] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled:
                offered.setdefault(binding.action, binding)
        room = self.app.size.width
        kept: set[str] = set()
        for action, binding in sorted(offered.items(), key=lambda item: _rank(item[1])):
            room -= self._width(binding)
            if room < 0:
                break
            kept.add(action)
        return sorted(
            (binding for action, binding in offered.items() if action in kept),
            key=lambda binding: binding.id in ALWAYS,
        )

    def _width(self, binding: Binding) -> int:
        return cell_len(self.app.get_key_display(binding)) + cell_len(binding.description) + GAP

    def on_resize(self, _event: events.Resize) -> None:
        self.call_after_refresh(self.recompose)


def _rank(binding: Binding) -> int:
    """What room is given to first."""
    if binding.id in ALWAYS:
        return 0
    return 2 if binding.id in WITH_ROOM else 1
