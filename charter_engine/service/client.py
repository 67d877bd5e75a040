"""The console's side of the socket: requests, a subscription that reconnects by itself, and a child
engine.

Imports asyncio and msgspec only, so that a console pays for nothing it does not show.
"""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator, Sequence
from contextvars import Context
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from charter_engine.contracts.commands import (
    RESULT_OF,
    Command,
    GetSession,
    OpenAgent,
    Shutdown,
    Subscribe,
    Subscribed,
)
from charter_engine.contracts.gauges import Event, Gauge, Session, Topic, Watchers
from charter_engine.contracts.protocol import Failure, Goodbye, Request, Response
from charter_engine.paths import default_socket, private_socket, private_sockets
from charter_engine.service.child import ChildEngine, EngineFailed
from charter_engine.service.inbox import Inbox
from charter_engine.service.protocol import FrameSplitter, ProtocolError, decode_message, frame

__all__ = [
    "ALL_TOPICS",
    "ChildEngine",
    "ConnectionLost",
    "EngineClient",
    "EngineFailed",
    "LinkState",
    "Message",
    "RequestFailed",
    "connect_or_start",
]

ALL_TOPICS: tuple[Topic, ...] = get_args(Topic)
READ_BYTES = 256 * 1024
"""What asyncio itself reads from a socket at a time."""
FIRST_RETRY_SECONDS = 0.1
"""At once, to the eye."""
LAST_RETRY_SECONDS = 2.0
"""How long an operator waits at most once the engine is back."""
GREETING_SECONDS = 5.0
"""Assumed: an engine that does not answer the first words by then hangs."""
FAREWELL_SECONDS = 2.0
"""Assumed: who leaves waits no longer."""
ALREADY_LISTENS = "already listens"
REPLY_SECONDS = 3600.0
"""A push that rebuilds an engine takes many minutes; everything else answers at once."""


class RequestFailed(Exception):
    """The engine did not carry a command out. `failure.kind` says of what kind, `failure.remedy`
    what to do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class ConnectionLost(Exception):
    """There is no connection to the engine at the moment, or it broke before the answer came."""


class LinkState(msgspec.Struct, frozen=True):
    """Where the connection stands, in words for the operator. `missed` events were lost while it
    was away; `anew` says that another engine answers than before."""

    state: Literal["connecting", "connected", "lost", "closed"]
    text: str
    missed: int = 0
    anew: bool = False


Message = Gauge | Event | LinkState


class EngineClient:
    """One console's connection to an engine, and that engine itself if it is the console's own
    `child`.

    Iterate `messages()` for what happens, and `request()` at any time. A lost connection is made
    again until `close()`, events missed meanwhile are fetched, and every change is told as a
    `LinkState`.
    """

    def __init__(
        self,
        path: Path,
        child: ChildEngine | None = None,
        *,
        any_agent: bool = True,
        outlive: float | None = None,
    ) -> None:
        """`any_agent`: come back also to an engine that has another agent open than before.
        `outlive` is that of an engine that is started later."""
        self.path = path
        self.child = child
        self._outlive = outlive
        self.name = console_name()
        self._any_agent = any_agent
        self._agent: str | None = None
        self._watchers = Watchers()
        self._inbox = Inbox()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._pending: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._ids = itertools.count(1)
        self._instance = ""
        self._sequence: int | None = None
        self._ended_because = ""
        self._closing = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._writer is not None

    @property
    def owns_engine(self) -> bool:
        """Whether the engine stops with this console: its child, or one that it took over."""
        mine = (item.owner for item in self._watchers.consoles if item.name == self.name)
        return self.child is not None or any(mine)

    @property
    def others(self) -> tuple[str, ...]:
        """The names of the other consoles that watch."""
        return tuple(item.name for item in self._watchers.consoles if item.name != self.name)

    async def connect(self) -> None:
        """Connect once. Raises `ConnectionLost` if nobody listens."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(str(self.path))
        except OSError as error:
            raise ConnectionLost(
                f"no engine listens on {self.path}: {error.strerror or error}"
            ) from error
        self._ended_because = ""
        self._inbox.open()
        self._reading = asyncio.create_task(self._read(reader))

    async def request(self, command: Command, within: float = REPLY_SECONDS) -> Any:
        """The engine's answer to `command` `within` seconds, as the record `RESULT_OF` names (None
        for the others).

        Raises `RequestFailed`, `ConnectionLost` or `TimeoutError`.
        """
        if self._writer is None:
            raise ConnectionLost("not connected to an engine at the moment")
        number = next(self._ids)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[msgspec.Raw] = loop.create_future()
        self._pending[number] = answer
        # asyncio keeps a timer that was cancelled, and what its context holds, until it is due.
        expiring = loop.call_later(within, _expire, answer, context=Context())
        try:
            self._writer.write(frame(Request(number, command)))
            raw = await answer
        finally:
            expiring.cancel()
            self._pending.pop(number, None)
        wanted = RESULT_OF.get(type(command))
        try:
            return None if wanted is None else msgspec.msgpack.decode(raw, type=wanted)
        except msgspec.MsgspecError as error:
            raise ConnectionLost(f"the engine is of another version: {error}") from error

    async def messages(self, topics: Sequence[Topic] = ALL_TOPICS) -> AsyncIterator[Message]:
        """Everything on `topics` and every event, from now until `close()`."""
        delay = FIRST_RETRY_SECONDS
        while not self._closing.is_set():
            try:
                if not self.connected:
                    yield LinkState("connecting", f"connecting to {self.path}")
                    await self._reconnect()
                yield await self._subscribe(topics)
                delay = FIRST_RETRY_SECONDS
                while taken := await self._inbox.take():
                    for message in taken:
                        yield message
                reason = self._ended_because
            except (ConnectionLost, EngineFailed, RequestFailed, TimeoutError) as error:
                reason = str(error) or "the engine does not answer"
            await self._disconnect()
            if self._closing.is_set():
                break
            yield LinkState("lost", f"{reason}; reconnecting")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), delay)
            delay = min(2 * delay, LAST_RETRY_SECONDS)
        yield LinkState("closed", "closed")

    async def close(self) -> None:
        """Disconnect, and stop the engine if it is this console's own."""
        if self.child is None and self.owns_engine and self.connected:
            with contextlib.suppress(ConnectionLost, RequestFailed, TimeoutError):
                await self.request(Shutdown(), FAREWELL_SECONDS)
        await self.detach()
        if self.child is not None:
            await self.child.stop()

    async def leave(self) -> None:
        """Disconnect, and leave the engine to the other consoles, or to the next to come."""
        await self.detach()
        if self.child is not None:
            self.child.keep()

    async def detach(self) -> None:
        """Disconnect only: the engine stays this console's own."""
        self._closing.set()
        await self._disconnect()

    async def start_own(self) -> None:
        """From now on have a child, for the agent of the engine that is gone.

        Raises `EngineFailed`.
        """
        options = [] if self._agent is None else ["--agent", self._agent]
        child = ChildEngine(private_socket(), options, self._outlive)
        await child.start()
        self.path, self.child = child.path, child
        self._watchers = Watchers()

    async def _reconnect(self) -> None:
        if self.child is not None and not self.child.running:
            await self.child.start()
        await self.connect()
        if not self._any_agent and self.child is None:
            session: Session = await self.request(GetSession(), GREETING_SECONDS)
            if session.agent != self._agent:
                raise ConnectionLost(f"the engine there has {session.agent or 'no agent'} open")

    async def _subscribe(self, topics: Sequence[Topic]) -> LinkState:
        wanted = Subscribe(
            topics=tuple(topics),
            after=self._sequence,
            instance=self._instance,
            console=self.name,
            owner=self.child is not None,
        )
        started: Subscribed = await self.request(wanted, GREETING_SECONDS)
        anew = self._instance not in ("", started.instance)
        if started.instance != self._instance:
            self._instance, self._sequence = started.instance, started.sequence
        text = "connected to an engine that was started anew" if anew else "connected"
        if started.missed:
            text += f"; {started.missed} events were lost meanwhile"
        return LinkState("connected", text, missed=started.missed, anew=anew)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        splitter = FrameSplitter()
        try:
            while data := await reader.read(READ_BYTES):
                for payload in splitter.feed(data):
                    self._receive(payload)
                await self._inbox.room()
            self._ended_because = self._ended_because or "the engine ended the connection"
        except (ConnectionError, ProtocolError) as error:
            self._ended_because = str(error)
        finally:
            self._lost()

    def _receive(self, payload: bytes) -> None:
        match decode_message(payload):
            case Response(number, result):
                self._answered(number, result)
            case Failure() as failure:
                self._answered(failure.id, RequestFailed(failure))
            case Goodbye(reason):
                self._ended_because = f"the engine ended the connection: {reason}"
            case Event() as event:
                self._sequence = event.sequence
                self._inbox.put(event)
            case Gauge() as gauge:
                if isinstance(gauge.payload, Session):
                    self._agent = gauge.payload.agent
                elif isinstance(gauge.payload, Watchers):
                    self._watchers = gauge.payload
                self._inbox.put(gauge)

    def _answered(self, number: int, answer: msgspec.Raw | Exception) -> None:
        waiting = self._pending.get(number)
        if waiting is None or waiting.done():
            return
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer.copy())

    def _lost(self) -> None:
        self._writer = None
        for number in tuple(self._pending):
            self._answered(
                number, ConnectionLost(self._ended_because or "the connection was closed")
            )
        self._inbox.end()

    async def _disconnect(self) -> None:
        writer = self._writer
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
            self._reading = None
        if writer is not None:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def connect_or_start(
    agent: str | None = None,
    *,
    socket: Path | None = None,
    arguments: Sequence[str] = (),
    outlive: float | None = None,
) -> EngineClient:
    """A client of the engine that serves `agent`: a running one, or else a child.

    With `socket`, attaches there and starts nothing. Otherwise the engine on the default socket is
    taken if it has no other agent open; a child listens on a socket of its own where the default
    one is taken. `arguments` are further options of `charter-engine serve` for a child; with them,
    only an engine is taken that was started with the same. A child that is not told to end outlives
    this process by `outlive` seconds (None: not at all). Raises `ConnectionLost` or `EngineFailed`.
    """
    if socket is not None:
        client = EngineClient(socket, outlive=outlive)
        await client.connect()
        return client
    path = default_socket()
    wanted = _resolved(agent)
    started_with = digest_of(arguments)
    for running in (path, *(private_sockets() if wanted is not None else ())):
        client = EngineClient(running, any_agent=False, outlive=outlive)
        with contextlib.suppress(ConnectionLost, RequestFailed, TimeoutError):
            await client.connect()
            session: Session = await client.request(GetSession(), GREETING_SECONDS)
            path = private_socket() if running == path else path
            unused = wanted is None or (session.agent is None and running == default_socket())
            alike = not arguments or session.started_with == started_with
            if alike and session.mode == "live" and (unused or session.agent == wanted):
                if wanted is not None and session.agent is None:
                    await client.request(OpenAgent(path=wanted))
                return client
        await client.detach()
    options = list(arguments) if wanted is None else ["--agent", wanted, *arguments]
    if started_with:
        options.append(f"--started-with={started_with}")
    try:
        return await _with_child(path, options, outlive)
    except EngineFailed as failure:
        # Another console's child was faster, or an engine that does not answer holds the default
        # socket.
        if ALREADY_LISTENS not in str(failure):
            raise
        return await _with_child(private_socket(), options, outlive)


async def _with_child(path: Path, options: Sequence[str], outlive: float | None) -> EngineClient:
    child = ChildEngine(path, options, outlive)
    await child.start()
    client = EngineClient(path, child, outlive=outlive)
    await client.connect()
    return client


def _expire(answer: asyncio.Future[msgspec.Raw]) -> None:
    """Wait no longer for an answer."""
    if not answer.done():
        answer.set_exception(TimeoutError())


def console_name() -> str:
    """What other consoles call this one: its terminal and its process."""
    try:
        terminal = os.ttyname(0).removeprefix("/dev/")
    except OSError:
        terminal = "no terminal"
    return f"{terminal}, process {os.getpid()}"


def digest_of(arguments: Sequence[str]) -> str:
    """Tells an engine's options from others, with the folder that their paths begin at; empty where
    there are none."""
    if not arguments:
        return ""
    # It loads OpenSSL, 3 MiB that a console without options does without.
    import hashlib

    said = "\0".join((str(Path.cwd()), *arguments))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _resolved(agent: str | None) -> str | None:
    return None if agent is None else os.path.realpath(agent)
