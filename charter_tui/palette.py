"""The command palette's entries, from the action table.

They are what can be done on the screen one is on.
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from textual import events
from textual.app import ComposeResult
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider

from charter_tui.action import Action, Scope
from charter_tui.actions import in_scope
from charter_tui.present.help import shown_keys
from charter_tui.present.possible import why_not
from charter_tui.screens.base import ConsoleScreen
from charter_tui.screens.dismissal import DismissedOnce

if TYPE_CHECKING:
    from charter_tui.console import Console


class FoundCommands(CommandList, can_focus=False):
    """Textual's list of commands, which may be fewer by the time that a click on one comes in."""

    def on_click(self, event: events.Click) -> None:
        clicked = event.style.meta.get("option")
        if clicked is not None and clicked >= self.option_count:
            event.prevent_default()


class Palette(CommandPalette, DismissedOnce[None]):
    """Textual's palette, whose keys do nothing until it has something to move through."""

    def compose(self) -> ComposeResult:
        for widget in super().compose():
            yield FoundCommands() if isinstance(widget, CommandList) else widget

    def _gather_commands(self, search_value: str) -> Any:
        """Search; a search that outlives the palette fails without taking the console along."""
        worker = super()._gather_commands(search_value)
        worker.exit_on_error = False
        return worker

    def _action_command_list(self, action: str) -> None:
        commands = self.query_one(CommandList)
        if commands.option_count and commands.scrollable_content_region:
            super()._action_command_list(action)


class OfferedCommand(NamedTuple):
    """What the palette lists: what it is called, what it does with its keys, and the action."""

    label: str
    about: str
    action: str


THEME: Final = OfferedCommand("Theme", "Change to a theme by its name", "app.change_theme")


class ActionProvider(Provider):
    """Offers what can be done now: on this screen first, then everywhere."""

    def _offers(self) -> Iterator[OfferedCommand]:
        for action, call in self._actions():
            yield OfferedCommand(action.label, self._told(action), call)
        yield THEME

    def _actions(self) -> list[tuple[Action, str]]:
        app = cast("Console", self.app)
        scopes: list[Scope] = ["app"]
        if isinstance(self.screen, ConsoleScreen):
            scopes.insert(0, self.screen.SCOPE)
        if app.snapshot.seeking is not None:
            scopes.append("replay")
        return [
            (action, f"{'app' if action.scope in ('app', 'replay') else 'screen'}.{action.action}")
            for scope in scopes
            for action in in_scope(scope)
            if action.palette and not app.refusal(action.risk) and not self._why_not(action)
        ]

    def _why_not(self, action: Action) -> str:
        """Why it can't be done as things stand."""
        screen = self.screen
        if isinstance(screen, ConsoleScreen) and action.scope == screen.SCOPE:
            return screen.why_not(action.name)
        return why_not(action.id, cast("Console", self.app).snapshot)

    def _told(self, action: Action) -> str:
        """The keys of an action as they are mapped, and what it does."""
        mapped = cast("Console", self.app).config.keymap
        return f"{shown_keys(mapped.get(action.id, action.keys))}  {action.about}"

    async def discover(self) -> Hits:
        for offer in self._offers():
            yield DiscoveryHit(offer.label, self._doing(offer), help=offer.about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._offers():
            if score := matcher.match(offer.label):
                label = matcher.highlight(offer.label)
                yield Hit(score, label, self._doing(offer), help=offer.about)

    def _doing(self, offer: OfferedCommand) -> Callable[[], Awaitable[None]]:
        return partial(self.screen.run_action, offer.action)
