"""Screens that go in good order, however fast keys and answers come."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen

Result = TypeVar("Result")


class DismissedOnce(Screen[Result]):
    """Dismissed by its first answer, once it is mounted and nothing covers it.

    Textual dismisses whichever screen is on top, so a second key press would take another away,
    and it mounts a screen that was dismissed before.
    """

    _answers: tuple[Result | None, ...] = ()

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Leave with `result`, as soon as that can be."""
        if not self._answers:
            self._answers = (result,)
            if self.is_mounted and self.is_active:
                return super().dismiss(result)
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        if self._answers and self.is_active:
            super().dismiss(self._answers[0])
