"""Records what the hub tells everyone: once a second, the latest of each gauge and every event and
request."""

import asyncio
import contextlib
from collections import deque
from pathlib import Path

from msgspec.structs import replace

from charter_engine.api.texts import without_text
from charter_engine.contracts.gauges import TOPIC_OF, UNRECORDED, Gauge, Recording, Topic
from charter_engine.contracts.recordings import RecordingLimits
from charter_engine.service.hub import Hub
from charter_engine.service.options import UNLIMITED
from charter_engine.store.recording_parts import turn_over
from charter_engine.store.recording_writer import (
    Message,
    NoRoom,
    RecordingError,
    RecordingWriter,
    moment_of,
)

INTERVAL_SECONDS = 1.0
MOST_WAITING = 10_000
"""Events and requests that wait for room on a full disk; a few megabytes, half an hour at five a
second."""


class Recorder:
    """At most one recording at a time. Its own gauge is published, not recorded. `keeps_text` False
    leaves out the words of prompts and answers; `limits` bound what is kept of it.

    Where the disk takes no more, it says so, waits for room, and goes on with what happened
    meanwhile: of gauges the latest, and the last `MOST_WAITING` events and requests.
    """

    def __init__(
        self, hub: Hub, *, keeps_text: bool = True, limits: RecordingLimits = UNLIMITED
    ) -> None:
        self._hub = hub
        self._keeps_text = keeps_text
        self._limits = limits
        self._writer: RecordingWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._gauges: dict[Topic, Gauge] = {}
        self._occurrences: deque[Message] = deque(maxlen=MOST_WAITING)
        self._stopped_because = ""
        self._started_at = 0.0
        self._flushing = asyncio.Lock()

    @property
    def path(self) -> Path | None:
        """What is being written, if anything is."""
        return self._writer.path if self._writer else None

    async def start(self, path: Path) -> None:
        """Begin. Raises `RecordingError`."""
        if self._writer is not None:
            raise RecordingError(f"already recording to {self._writer.path}; stop that first")
        self._writer = await asyncio.to_thread(RecordingWriter, path)
        self._started_at = self._hub.now()
        self._state_all()
        self._hub.taps.append(self._tap)
        self._task = asyncio.create_task(self._write_regularly())
        self._hub.event("recording", f"recording to {path}")

    async def stop(self) -> None:
        """Write what is left and close the file. Does nothing if nothing is recorded."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._writer is not None:
            self._hub.event("recording", f"recording to {self._writer.path} ended")
            with contextlib.suppress(RecordingError):
                await self._flush()
            self._close("")

    async def _write_regularly(self) -> None:
        try:
            while True:
                await asyncio.sleep(INTERVAL_SECONDS)
                await asyncio.shield(self._flush())
        except RecordingError as error:
            self._close(str(error))
            self._hub.event("recording", str(error), level="error")

    async def _flush(self) -> None:
        # A stop may come while the thread still writes: the writer is for one at a time.
        async with self._flushing:
            if self._writer is None:
                return
            most = self._limits.max_bytes
            if most is not None and self._writer.bytes_written >= most:
                await asyncio.to_thread(self._turn_over, self._writer)
                self._state_all()
            gauges, occurrences = self._gauges, tuple(self._occurrences)
            self._gauges = {}
            self._occurrences.clear()
            messages = sorted([*gauges.values(), *occurrences], key=moment_of)
            try:
                await asyncio.to_thread(self._writer.write, messages)
            except NoRoom as error:
                self._gauges = gauges | self._gauges
                self._occurrences = deque((*occurrences, *self._occurrences), MOST_WAITING)
                self._stopped(str(error))
            else:
                self._goes_on()

    def _stopped(self, reason: str) -> None:
        if not self._stopped_because:
            told = f"{reason}; it goes on when there is room"
            self._hub.event("recording", told, level="error")
        self._stopped_because = reason
        self._publish(reason)

    def _goes_on(self) -> None:
        if self._stopped_because and self._writer is not None:
            self._hub.event("recording", f"recording to {self._writer.path} goes on")
        self._stopped_because = ""
        self._publish("")

    def _turn_over(self, writer: RecordingWriter) -> None:
        writer.close()
        try:
            turn_over(writer.path, self._limits.keep)
        except OSError as error:
            raise RecordingError(f"recording to {writer.path} stopped: {error.strerror}") from error
        self._writer = RecordingWriter(writer.path)

    def _state_all(self) -> None:
        """What was so before is so at the beginning of a file: its own time would make the
        recording begin back then."""
        begin = self._hub.now()
        for gauge in self._hub.latest():
            self._tap(replace(gauge, at=begin))

    def _close(self, error: str) -> None:
        if self._tap in self._hub.taps:
            self._hub.taps.remove(self._tap)
        if self._writer is not None:
            self._writer.close()
        written = self._writer.bytes_written if self._writer else 0
        self._writer, self._stopped_because = None, ""
        self._hub.publish(Recording(bytes_written=written, error=error))

    def _tap(self, message: Message) -> None:
        if isinstance(message, Gauge):
            topic = TOPIC_OF[type(message.payload)]
            if topic not in UNRECORDED:
                kept = message.payload if self._keeps_text else without_text(message.payload)
                self._gauges[topic] = replace(message, payload=kept)
        else:
            self._occurrences.append(message if self._keeps_text else without_text(message))

    def _publish(self, error: str) -> None:
        if self._writer is not None:
            self._hub.publish(
                Recording(
                    path=str(self._writer.path),
                    bytes_written=self._writer.bytes_written,
                    started_at=self._started_at,
                    error=error,
                )
            )
