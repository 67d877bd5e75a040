"""The keys of a replay, and of a live screen that is held still to look back."""

import time
from functools import cached_property
from math import ceil
from typing import Final

from charter_engine.contracts.commands import ControlReplay, SeekReplay
from charter_engine.contracts.gauges import Replay
from charter_engine.contracts.moments import Mistyped, parse_moment
from charter_tui import exporting
from charter_tui.console import Console, full_path
from charter_tui.held_key import HeldKey
from charter_tui.link import TELL_SECONDS
from charter_tui.lookback import target
from charter_tui.present.figures import moment
from charter_tui.screens.form import Field, FormScreen, some_path
from charter_tui.state import Snapshot

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""A quarter, to see single requests, up to 16: an hour in four minutes."""
MOMENTS: Final = "3m ago, 14:05:10, 1:30, +30s"
"""How a moment may be typed, as a hint."""


class ReplayKeys(Console):
    """What the keys of the scope `replay` do."""

    @cached_property
    def _held_key(self) -> HeldKey:
        return HeldKey()

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
        shown = self._seeking()
        step = self._held_key.step(float(seconds), time.monotonic(), shown.end - shown.start)
        await self._seek(SeekReplay(by=step))

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
        async def submit(values: dict[str, str]) -> None:
            await self._seek(SeekReplay(to=self._moment(values["time"])))

        field = Field("time", "time", hint=MOMENTS, check=self._moment)
        self.push_screen(FormScreen("Go to a time", (field,), submit, verb="Go"))

    def action_mark(self) -> None:
        self.mark(self._seeking().position)

    def action_export(self) -> None:
        async def submit(values: dict[str, str]) -> None:
            begin = self._moment(values["begin"])
            end = self._moment(values["end"], begin)
            if end < begin:
                raise Mistyped("It ends before it begins.")
            output = full_path(values["output"])
            damaged = await self._written(begin, end, output)
            told = f"The stretch is in {output}: charter-tui --replay shows it, here and elsewhere."
            if damaged:
                self.notify(f"{told} {damaged}", severity="warning", timeout=TELL_SECONDS)
            else:
                self.notify(told)

        shown, marked = self._seeking(), self.snapshot.marked
        begin = shown.start if marked.begin is None else marked.begin
        end = marked.end or (shown.end if marked.begin is None else max(begin, shown.position))
        name = time.strftime("incident-%Y%m%d-%H%M%S.charter", time.localtime(begin))
        self.push_screen(
            FormScreen(
                "Export a stretch",
                (
                    Field("begin", "from", moment(begin), MOMENTS, check=self._moment),
                    Field("end", "until", moment(ceil(end)), MOMENTS, check=self._moment),
                    Field("output", "file", name, check=some_path),
                ),
                submit,
                note="As a recording of its own, to replay and to compare anywhere.",
                verb="Export",
            )
        )

    def _moment(self, text: str, since: float | None = None) -> float:
        """A typed moment of what is shown; `+30s` counts from the epoch second `since`, or from
        where the screen stands. Raises `Mistyped`."""
        shown = self._seeking()
        position = shown.position if since is None else since
        found = parse_moment(text, shown.start, shown.end, position)
        return max(shown.start, min(shown.end, found))

    async def _written(self, begin: float, end: float, output: str) -> str:
        """Write that stretch, of the replay or out of the recording that holds it, else of what
        this console was told; gives what could not be read, in words. Raises `EngineRefused`."""
        if self.snapshot.replay is not None:
            return await exporting.fetch(self.ask, begin, end, output)
        in_parts = bool(self.options.max_size or self.options.max_age)
        if source := holding(self.snapshot, begin, in_parts=in_parts):
            return await exporting.cut(source, begin, end, output)
        session = self.snapshot.session
        keeps_text = session is None or session.keeps_text
        await exporting.record(self.watched(begin, end), output, keeps_text=keeps_text)
        return ""


def holding(snapshot: Snapshot, begin: float, *, in_parts: bool = False) -> str:
    """The path of the recording in progress, if it holds all from that epoch second on and lies on
    this machine, else empty. Of one that is written `in_parts` the last alone has that path."""
    written = snapshot.recording
    if written is None or not written.path or written.error or in_parts:
        return ""
    if not snapshot.link.owned:
        return ""
    return written.path if written.started_at <= begin else ""


def next_speed(speed: float, step: int) -> float:
    """The next speed up or down, staying within what is offered."""
    if step > 0:
        return next((item for item in SPEEDS if item > speed), SPEEDS[-1])
    return next((item for item in reversed(SPEEDS) if item < speed), SPEEDS[0])
