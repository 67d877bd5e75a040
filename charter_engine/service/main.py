"""The engine process: a socket, and behind it a live engine or a replay, until it is told to stop.

A live engine's socket listens before anything heavy is imported, so that a console that waits for
it has something to show.
"""

import asyncio
import logging
import signal
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from charter_engine import __version__
from charter_engine.contracts.commands import Command
from charter_engine.contracts.gauges import Event, Gauge, Session
from charter_engine.contracts.live import RequestRecord
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.memory import share_one_arena
from charter_engine.service.options import ServeOptions
from charter_engine.service.ownership import Ownership
from charter_engine.service.rights import EVERYTHING, REPLAYING, WATCHING, Grant
from charter_engine.service.server import AlreadyRunning, Server

if TYPE_CHECKING:
    from charter_engine.service.metering import Metering


log = logging.getLogger(__name__)


class Backend(Protocol):
    """What stands behind the socket: a live engine, or a replay. `start` raises `OSError` or
    `ValueError`. `is_busy`: its end would cut something short."""

    @property
    def is_busy(self) -> bool: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def handle(self, command: Command) -> object: ...


async def serve(options: ServeOptions) -> None:
    """Serve until a signal, a console's shutdown, or the end of standard input. Raises
    `UsageError`."""
    share_one_arena()
    hub = Hub()
    hub.taps.append(partial(log_event, keeps_text=options.engine.keeps_text))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    backend: Backend | None = None
    ownership = Ownership(
        hub, stop.set, options.outlive, lambda: backend is not None and backend.is_busy
    )
    if options.stop_with_stdin:
        ownership.watch_stdin()
    ready: asyncio.Future[Backend] = loop.create_future()

    granted = rights_under(options)

    async def handle(command: Command) -> object:
        granted.require(command)
        return await (await asyncio.shield(ready)).handle(command)

    if options.replay is None:
        hub.publish(
            Session(
                engine_version=__version__,
                read_only=options.engine.read_only,
                phase="starting",
                started_with=options.engine.started_with,
            )
        )
    server = Server(options.socket, hub, handle)
    metering: Metering | None = None
    try:
        if options.replay is not None:
            # One that can't be played is refused before a console attaches to it.
            backend = await _backend(options, hub, stop.set)
        await _listen(server, options)
        if options.metrics is not None:
            metering = await _metering(hub, options.metrics)
        backend = backend or await _backend(options, hub, stop.set)
        ready.set_result(backend)
        await stop.wait()
    finally:
        if backend is not None:
            await backend.stop()
        if metering is not None:
            await metering.stop()
        ready.cancel()
        await server.close(ownership.reason)


def log_event(told: Gauge | Event | RequestRecord, *, keeps_text: bool = True) -> None:
    """What consoles read in their log stands in the engine's, too, for who watches no console."""
    if isinstance(told, Event):
        level = logging.getLevelNamesMapping()[told.level.upper()]
        text = told.text if keeps_text else _kept_of(told)
        log.log(level, "%s: %s", told.kind, text, extra={"node": told.node})


def _kept_of(event: Event) -> str:
    from charter_engine.api.texts import without_text

    return without_text(event).text


def rights_under(options: ServeOptions) -> Grant:
    """What everybody who reaches the socket may do."""
    if options.replay is not None:
        return REPLAYING
    return WATCHING if options.engine.read_only else EVERYTHING


async def _listen(server: Server, options: ServeOptions) -> None:
    try:
        await server.start()
    except AlreadyRunning as error:
        raise UsageError(str(error), remedy="attach to it, or give another --socket") from None
    except OSError as error:
        message = f"cannot listen on {options.socket}: {error.strerror or error}"
        raise UsageError(message, remedy="give another --socket") from None


async def _backend(options: ServeOptions, hub: Hub, stop: Callable[[], None]) -> Backend:
    """What answers commands, started. Imported on a thread, so that the socket is served
    meanwhile."""
    module = (
        "charter_engine.service.engine"
        if options.replay is None
        else "charter_engine.service.replay"
    )
    imported = await asyncio.to_thread(import_module, module)
    try:
        backend: Backend = (
            imported.Engine(hub, options.engine, stop)
            if options.replay is None
            else imported.Replaying(hub, options.replay, stop)
        )
        await backend.start()
    except (OSError, ValueError) as error:
        remedy = "" if options.replay is None else "give the path of a recording"
        message = (
            f"{error.filename}: {error.strerror}"
            if isinstance(error, OSError) and error.filename
            else str(error)
        )
        raise UsageError(message, remedy=remedy) from None
    return backend


async def _metering(hub: Hub, address: str) -> "Metering":
    from charter_engine.service.metering import Metering

    metering = Metering(hub)
    await metering.start(address)
    return metering
