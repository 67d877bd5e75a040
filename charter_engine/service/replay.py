"""Plays a recording on the very protocol of a live engine."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from charter_engine.api import recordings
from charter_engine.contracts.commands import (
    Command,
    CompareRecorded,
    ControlReplay,
    CutReplay,
    GetSession,
    Lint,
    ListMarks,
    ListRecordings,
    ListRevisions,
    ListTicks,
    SeekReplay,
    Shutdown,
)
from charter_engine.contracts.gauges import (
    MARKED,
    Event,
    Gauge,
    Marker,
    Past,
    Replay,
    Session,
)
from charter_engine.contracts.series import Tick
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.stretches import Stretches
from charter_engine.store.recording_history import RecordingHistory
from charter_engine.store.recording_reader import Cursor, RecordingReader

TICK_SECONDS = 0.1
"""As often as a console takes snapshots at most."""
KEPT_EVENTS = 500
"""As many as a console keeps."""
KEPT_POOL_SAMPLES = 120
"""As many as a console keeps."""
KEPT_TICKS = 600
"""As many as a console keeps of what happens while it watches (`charter_tui.state`)."""
SLOWEST, FASTEST = 0.1, 1000.0
"""Assumed: slower, nothing moves; faster, hours pass between two looks."""
JUST_BEFORE_SECONDS = 0.001
"""The clock of a recording is written in milliseconds."""


class Replaying:
    """Publishes a recording's messages as its clock passes them."""

    def __init__(self, hub: Hub, path: Path, shutdown: Callable[[], None]) -> None:
        """Raises `NotARecording` or `OSError`."""
        self._hub = hub
        self._shutdown = shutdown
        self._reader = RecordingReader(path)
        self._cursor: Cursor = self._reader.cursor()
        self._history = _History(self._reader.another())
        self._stretches = Stretches(self._reader)
        self._session = Session(engine_version="", mode="replay")
        self._task: asyncio.Task[None] | None = None
        self.state = Replay(
            path=str(path),
            start=self._reader.start,
            end=self._reader.end,
            position=self._reader.start,
            markers=self._reader.markers,
            damaged=self._reader.damaged,
        )

    async def start(self) -> None:
        self._jump(self._reader.start)
        self._task = asyncio.create_task(self._play())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._history.close()
        await self._stretches.close()
        self._reader.close()

    async def handle(self, command: Command) -> object:
        """Answers questions and replay controls. Raises `UsageError`."""
        match command:
            case ListTicks(seconds=seconds, most=most, until=until):
                end = self.state.position if until is None else until
                return await self._history.ticks(end - seconds, end, most)
            case ListRecordings(folder=folder):
                return await asyncio.to_thread(recordings.listed, folder)
            case CompareRecorded(request=request):
                return await asyncio.to_thread(recordings.compare, request)
            case CutReplay():
                return await self._stretches.piece(command)
            case GetSession() | ListRevisions() | Lint() | ListMarks():
                return self._told(command)
            case Shutdown():
                self._shutdown()
            case ControlReplay(paused=paused, speed=speed):
                self._control(paused, speed)
            case SeekReplay():
                self._jump(self._target(command))
            case _:
                raise UsageError(f"{type(command).__name__} is not a command of a replay")
        return None

    def _told(self, command: GetSession | ListRevisions | Lint | ListMarks) -> object:
        match command:
            case GetSession():
                return self._session
            case ListMarks():
                return self._marks(command)
            case ListRevisions() | Lint():
                return ()

    def _marks(self, asked: ListMarks) -> tuple[Marker, ...]:
        end = self.state.position if asked.until is None else asked.until
        found = [
            one
            for one in self.state.markers
            if one.kind in MARKED and end - asked.seconds <= one.at <= end
        ]
        return tuple(found[-asked.most :])

    def _control(self, paused: bool | None, speed: float | None) -> None:
        if speed is not None and not SLOWEST <= speed <= FASTEST:
            raise UsageError(f"a speed of {speed:g} is not between {SLOWEST:g} and {FASTEST:g}")
        if paused is False and self.state.position >= self.state.end:
            self._jump(self.state.start)
        self._set(
            replace(
                self.state,
                paused=self.state.paused if paused is None else paused,
                speed=self.state.speed if speed is None else speed,
            )
        )

    def _target(self, command: SeekReplay) -> float:
        given = [value for value in (command.to, command.by, command.marker) if value is not None]
        if len(given) != 1:
            raise UsageError("a seek takes exactly one of to, by and marker")
        if command.to is not None:
            return command.to
        if command.by is not None:
            return self.state.position + command.by
        times = [marker.at for marker in self.state.markers]
        if command.marker is not None and command.marker > 0:
            later = [at for at in times if at > self.state.position + JUST_BEFORE_SECONDS]
            return later[min(command.marker, len(later)) - 1] if later else self.state.end
        earlier = [at for at in times if at < self.state.position - JUST_BEFORE_SECONDS]
        return earlier[max(command.marker or -1, -len(earlier))] if earlier else self.state.start

    def _jump(self, moment: float) -> None:
        state = self._cursor.seek(moment)
        position = self._cursor.position
        *pool_used, _ = self._reader.pool_used_until(position, KEPT_POOL_SAMPLES + 1) or (0.0,)
        past = Past(
            sequence=self._hub.sequence,
            events=self._reader.events_until(position, KEPT_EVENTS),
            # Without the newest, which the gauge adds that tells it.
            pool_used=tuple(pool_used),
            ticks=self._reader.ticks_until(position, KEPT_TICKS + 1)[:-1],
        )
        self._hub.rewind(past, position)
        for gauge in state:
            self._publish(gauge)
        self._set(replace(self.state, position=self._cursor.position))

    def _advance(self, moment: float) -> None:
        for message in self._cursor.advance(moment):
            if isinstance(message, Gauge):
                self._publish(message)
            elif isinstance(message, Event):
                self._hub.event(
                    message.kind, message.text, message.level, message.node, at=message.at
                )
        ended = self._cursor.position >= self.state.end
        self._set(
            replace(self.state, position=self._cursor.position, paused=self.state.paused or ended)
        )

    def _publish(self, gauge: Gauge) -> None:
        payload = gauge.payload
        if isinstance(payload, Session):
            payload = replace(payload, mode="replay", read_only=True)
            self._session = payload
        self._hub.publish(payload, at=gauge.at)

    def _set(self, state: Replay) -> None:
        self.state = state
        self._hub.publish(state)

    async def _play(self) -> None:
        before = time.monotonic()
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(TICK_SECONDS)
                now = time.monotonic()
                if not self.state.paused:
                    self._advance(self.state.position + (now - before) * self.state.speed)
                before = now


class _History:
    """What a recording measured, read on a thread: a day takes seconds, and the replay goes on."""

    def __init__(self, reader: RecordingReader) -> None:
        self._history = RecordingHistory(reader)
        self._reading = asyncio.Lock()

    async def ticks(self, begin: float, end: float, most: int) -> tuple[Tick, ...]:
        async with self._reading:
            return await asyncio.to_thread(self._history.ticks, begin, end, most)

    async def close(self) -> None:
        """Wait for what is being read."""
        async with self._reading:
            pass
