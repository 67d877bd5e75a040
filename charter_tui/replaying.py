"""The keys of a replay, and of a live screen that is held still to look back."""

from typing import Final

from charter_engine.contracts.commands import ControlReplay, SeekReplay
from charter_engine.contracts.gauges import Replay
from charter_tui.console import Console
from charter_tui.lookback import target
from charter_tui.screens.form import Field, FormScreen
from charter_tui.typed import parse_moment

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


class ReplayKeys(Console):
    """What the keys of the scope `replay` do."""

    def offers(self, action: str) -> bool:
        """Whether an action of that scope can be done now: all in a replay, those that go to
        another moment while the screen is frozen, and holding it still at any time."""
        if self.snapshot.replay is not None:
            return True
        if action == "toggle_pause":
            return self.snapshot.session is not None
        return self.snapshot.frozen is not None and action not in ("slower", "faster")

    def _seeking(self) -> Replay:
        assert self.snapshot.seeking is not None
        return self.snapshot.seeking

    async def _seek(self, seek: SeekReplay) -> None:
        """Go to another moment: of the recording, or of the last hour."""
        if self.snapshot.frozen is not None:
            self.look_back(target(self.snapshot.frozen, seek))
        else:
            await self.order(seek)

    async def action_toggle_pause(self) -> None:
        if self.snapshot.replay is not None:
            await self.order(ControlReplay(paused=not self.snapshot.replay.paused))
        elif self.snapshot.frozen is None:
            self.look_back()
        else:
            self.go_on()

    async def action_seek_by(self, seconds: float) -> None:
        await self._seek(SeekReplay(by=float(seconds)))

    async def action_next_marker(self) -> None:
        await self._seek(SeekReplay(marker=1))

    async def action_previous_marker(self) -> None:
        await self._seek(SeekReplay(marker=-1))

    async def action_to_start(self) -> None:
        await self._seek(SeekReplay(to=self._seeking().start))

    async def action_to_end(self) -> None:
        await self._seek(SeekReplay(to=self._seeking().end))

    async def action_slower(self) -> None:
        await self.order(ControlReplay(speed=next_speed(self._seeking().speed, -1)))

    async def action_faster(self) -> None:
        await self.order(ControlReplay(speed=next_speed(self._seeking().speed, 1)))

    def action_seek_to(self) -> None:
        def read(text: str) -> float:
            shown = self._seeking()
            return parse_moment(text, shown.start, shown.end, shown.position)

        async def submit(values: dict[str, str]) -> None:
            await self._seek(SeekReplay(to=read(values["time"])))

        hint = "3m ago, 14:05:10, 1:30, +30s"
        self.push_screen(
            FormScreen(
                "Go to a time", (Field("time", "time", hint=hint, check=read),), submit, verb="Go"
            )
        )


def next_speed(speed: float, step: int) -> float:
    """The next speed up or down, staying within what is offered."""
    if step > 0:
        return next((item for item in SPEEDS if item > speed), SPEEDS[-1])
    return next((item for item in reversed(SPEEDS) if item < speed), SPEEDS[0])
