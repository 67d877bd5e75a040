"""The keys of a replay; the app offers them only while there is one."""

from typing import Final

from charter_engine.contracts.protocol import ControlReplay, Replay, SeekReplay
from charter_tui.console import Console
from charter_tui.screens.form import Field, FormScreen
from charter_tui.typed import parse_moment

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


class ReplayKeys(Console):
    """What the keys of the scope `replay` do."""

    def _replay(self) -> Replay:
        assert self.snapshot.replay is not None
        return self.snapshot.replay

    async def action_toggle_pause(self) -> None:
        await self.order(ControlReplay(paused=not self._replay().paused))

    async def action_seek_by(self, seconds: float) -> None:
        await self.order(SeekReplay(by=float(seconds)))

    async def action_next_marker(self) -> None:
        await self.order(SeekReplay(marker=1))

    async def action_previous_marker(self) -> None:
        await self.order(SeekReplay(marker=-1))

    async def action_to_start(self) -> None:
        await self.order(SeekReplay(to=self._replay().start))

    async def action_to_end(self) -> None:
        await self.order(SeekReplay(to=self._replay().end))

    async def action_slower(self) -> None:
        await self.order(ControlReplay(speed=next_speed(self._replay().speed, -1)))

    async def action_faster(self) -> None:
        await self.order(ControlReplay(speed=next_speed(self._replay().speed, 1)))

    def action_seek_to(self) -> None:
        def read(text: str) -> float:
            replay = self._replay()
            return parse_moment(text, replay.start, replay.end, replay.position)

        async def submit(values: dict[str, str]) -> None:
            await self.ask(SeekReplay(to=read(values["time"])))

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
