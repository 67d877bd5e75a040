"""The console's one connection to the engine.

Messages from it become snapshots; commands go the other way.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, Literal

from charter_engine.contracts.commands import Command, ListTicks
from charter_engine.contracts.gauges import Event, Gauge
from charter_engine.service.client import ConnectionLost, EngineClient, LinkState, RequestFailed
from charter_tui.present.words import sentence
from charter_tui.state import KEPT_TICKS, Link, Snapshot, apply_events, apply_gauges, behind

LIVE_SECONDS: Final = 0.1
"""At most ten snapshots a second; what arrives in between is folded into one."""

LOG_LINES: Final = 4
"""What a terminal of 24 lines has room for below the message."""
TELL_SECONDS: Final = 15.0
"""How long a message stays that must be read to the end."""

Parting = Literal["stop", "leave", "keep"]
Connect = Callable[[], Awaitable[EngineClient]]


class EngineRefused(Exception):
    """A command was not carried out.

    The text is the engine's reason and remedy, for the operator.
    """


class EngineLink:
    """Follows the engine and publishes immutable snapshots, at most one per `interval`."""

    def __init__(
        self, connect: Connect, publish: Callable[[Snapshot], None], interval: float = LIVE_SECONDS
    ) -> None:
        self._connect = connect
        self._publish = publish
        self._interval = interval
        self._client: EngineClient | None = None
        self._snapshot = Snapshot()
        self._gauges: dict[type, Gauge] = {}
        self._events: list[Event] = []
        self._due: asyncio.TimerHandle | None = None
        self._last_flush = 0.0
        self._catching_up: asyncio.Task[None] | None = None

    @property
    def owns_engine(self) -> bool:
        """Whether the engine stops with this console."""
        return self._client is not None and self._client.owns_engine

    @property
    def has_taken_over(self) -> bool:
        """Whether that engine was another console's before."""
        return self.owns_engine and self._client is not None and self._client.child is None

    @property
    def others(self) -> tuple[str, ...]:
        """The other consoles that watch the same engine."""
        return self._client.others if self._client is not None else ()

    async def follow(self) -> None:
        """Connect and publish until closed. Raises what `connect` raises."""
        self._client = await self._connect()
        async for message in self._client.messages():
            self._take(message)

    def _take(self, message: Gauge | Event | LinkState) -> None:
        match message:
            case Gauge():
                self._gauges[type(message.payload)] = message
            case Event():
                self._events.append(message)
            case LinkState():
                self._snapshot = replace(self._snapshot, link=self._linked(message))
                if message.state == "connected":
                    self._catching_up = asyncio.create_task(self._catch_up())
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_at(
                max(loop.time(), self._last_flush + self._interval), self._flush
            )

    async def _catch_up(self) -> None:
        """Ask for the minutes before, so that the strips do not begin at nothing."""
        with contextlib.suppress(EngineRefused):
            earlier = await self.ask(ListTicks(seconds=KEPT_TICKS, most=KEPT_TICKS))
            self._snapshot = behind(self._snapshot, earlier or ())
            self._flush_soon()

    def _linked(self, message: LinkState) -> Link:
        before = self._snapshot.link
        attempt = (
            before.attempt + 1
            if message.state == "lost"
            else 0
            if message.state == "connected"
            else before.attempt
        )
        state = "lost" if message.state == "connecting" and attempt else message.state
        detail = before.detail if state != message.state else message.text
        return Link(
            state=state,
            detail=detail,
            attempt=attempt,
            since=time.time(),
            owned=self.owns_engine,
            taken_over=self.has_taken_over,
            others=self.others,
            anew=message.anew,
        )

    def _flush(self) -> None:
        self._due = None
        self._last_flush = asyncio.get_running_loop().time()
        gauges, self._gauges = self._gauges, {}
        events, self._events = self._events, []
        self._snapshot = apply_events(apply_gauges(self._snapshot, gauges.values()), events)
        link = self._snapshot.link
        if (link.owned, link.others) != (self.owns_engine, self.others):
            link = replace(
                link,
                owned=self.owns_engine,
                taken_over=self.has_taken_over,
                others=self.others,
            )
            self._snapshot = replace(self._snapshot, link=link)
        self._publish(self._snapshot)

    async def ask(self, command: Command) -> Any:
        """The engine's answer. Raises `EngineRefused`."""
        if self._client is None:
            raise EngineRefused("There is no engine yet; wait until it has started.")
        try:
            return await self._client.request(command)
        except RequestFailed as error:
            failure = error.failure
            told = (sentence(failure.message), sentence(failure.remedy))
            raise EngineRefused(" ".join(part for part in told if part)) from error
        except ConnectionLost as error:
            raise EngineRefused(
                f"No answer: {error}. Whether it was carried out will show when the engine is back."
            ) from error
        except TimeoutError as error:
            raise EngineRefused("The engine did not answer in time.") from error

    def last_words(self) -> str:
        """The end of the log of an engine of our own: why it did not stay."""
        if self._client is None or self._client.child is None:
            return ""
        log = self._client.child.log_path
        lines = (
            log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
        )
        return "\n".join(lines[-LOG_LINES:])

    async def start_own(self) -> None:
        """Have an engine of our own instead of the one that is gone. Raises `EngineFailed`."""
        if self._client is not None:
            await self._client.start_own()

    async def close(self, engine: Parting = "stop") -> None:
        """Disconnect; an engine of our own is stopped, left to other consoles, or kept by us."""
        for waiting in (self._due, self._catching_up):
            if waiting is not None:
                waiting.cancel()
        if self._client is None:
            return
        match engine:
            case "stop":
                await self._client.close()
            case "leave":
                await self._client.leave()
            case "keep":
                await self._client.detach()

    async def again(self) -> EngineClient:
        """Another connection to the engine, after this one was closed and its engine kept.

        Raises what connecting raises.
        """
        if self._client is None:
            return await self._connect()
        client = EngineClient(self._client.path, self._client.child)
        await client.connect()
        return client
