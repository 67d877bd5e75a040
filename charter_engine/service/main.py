"""The engine process: a socket, and behind it a live engine or a replay, until it is told to stop."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from charter_engine.commands.triton_options import triton_options
from charter_engine.contracts.protocol import Command
from charter_engine.service.deployment import TritonOptions
from charter_engine.service.engine import Engine, EngineOptions
from charter_engine.service.hub import Hub
from charter_engine.service.paths import UnsafeDirectory, database_path, default_socket
from charter_engine.service.replay import Replaying
from charter_engine.service.server import AlreadyRunning, Server
from charter_engine.store.recording_format import NotARecording
from charter_engine.store.recording_writer import RecordingError


class ServeFailed(Exception):
    """The engine cannot serve: why, what to do, and the exit code."""

    def __init__(self, message: str, *, remedy: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.message, self.remedy, self.code = message, remedy, code


@dataclass(frozen=True)
class ServeOptions:
    """What to serve, and where. `replay` wins over everything of a live engine."""

    socket: Path
    engine: EngineOptions = field(default_factory=EngineOptions)
    replay: Path | None = None
    metrics_port: int | None = None
    stop_with_stdin: bool = False

    @classmethod
    def from_arguments(cls, args: argparse.Namespace) -> Self:
        triton: TritonOptions = triton_options(args)
        return cls(
            socket=(args.socket or default_socket()).absolute(),
            engine=EngineOptions(
                triton=triton,
                agent=None if args.agent is None else Path(os.path.realpath(args.agent)),
                inputs=args.inputs,
                record=args.record,
                database=database_path(),
                read_only=args.read_only,
                run_at_start=not args.no_run,
            ),
            replay=args.replay,
            metrics_port=args.metrics_port,
            stop_with_stdin=args.stop_with_stdin,
        )


async def serve(options: ServeOptions) -> None:
    """Serve until a signal, a console's shutdown, or the end of standard input. Raises `ServeFailed`."""
    hub = Hub()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if options.stop_with_stdin:
        watch_stdin(stop.set)
    backend = _backend(options, hub, stop.set)
    server = Server(options.socket, hub, backend.handle)
    try:
        await server.start()
    except AlreadyRunning as error:
        raise ServeFailed(str(error), remedy="attach to it, or give another --socket", code=2) from None
    except OSError as error:
        raise ServeFailed(
            f"cannot listen on {options.socket}: {error}", remedy="give another --socket", code=2
        ) from None
    try:
        _serve_metrics(hub, options.metrics_port)
        await backend.start()
        await stop.wait()
    except (RecordingError, UnsafeDirectory) as error:
        raise ServeFailed(str(error), code=2) from None
    finally:
        await backend.stop()
        await server.close()


class Backend(Protocol):
    """What stands behind the socket: a live engine, or a replay."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def handle(self, command: Command) -> object: ...


def _backend(options: ServeOptions, hub: Hub, stop: Callable[[], None]) -> Backend:
    if options.replay is None:
        return Engine(hub, options.engine, stop)
    try:
        return Replaying(hub, options.replay, stop)
    except (NotARecording, OSError) as error:
        raise ServeFailed(str(error), remedy="give the path of a recording", code=2) from None


def watch_stdin(stop: Callable[[], None]) -> None:
    """Call `stop` when standard input ends: whoever holds its other end is gone, however it went."""
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        with contextlib.suppress(BlockingIOError):
            if not os.read(descriptor, 4096):
                asyncio.get_running_loop().remove_reader(descriptor)
                stop()

    asyncio.get_running_loop().add_reader(descriptor, readable)


def _serve_metrics(hub: Hub, port: int | None) -> None:
    if port is None:
        return
    from charter_engine.monitor.prometheus import serve_metrics

    try:
        serve_metrics(hub, port)
    except OSError as error:
        raise ServeFailed(
            f"port {port} for metrics: {error.strerror}", remedy="give another --metrics-port", code=2
        ) from None
