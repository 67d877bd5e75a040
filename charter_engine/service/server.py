"""The engine's Unix socket: one task reads a connection's requests, one writes what is queued for
it."""

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from charter_engine.contracts.commands import PROTOCOL_VERSION, Command, Subscribe
from charter_engine.contracts.protocol import Failure, Goodbye, Request, Response
from charter_engine.errors import CharterError, UsageError
from charter_engine.paths import MAX_SOCKET_PATH_BYTES
from charter_engine.scrub import scrub_record
from charter_engine.service.hub import Hub, Subscriber
from charter_engine.service.protocol import (
    FrameSplitter,
    ProtocolError,
    decode_request,
    encode_result,
    frame,
)

READ_BYTES = 256 * 1024
"""What asyncio itself reads from a socket at a time."""
MAX_REQUEST_BYTES = 1024 * 1024
"""Assumed: the largest request is a draft of some hundred calls, a few hundred KiB."""
MAX_REQUESTS_IN_FLIGHT = 64
"""Assumed: more than a console has keys; the next ones wait in the socket."""
MAX_CONNECTIONS = 200
"""Well below the 1,024 descriptors that a process may usually have."""
WAITING_CONNECTIONS = 1024
"""So many may come at once, before the first is taken."""
FAREWELL_SECONDS = 2.0
"""How long a reader that stopped reading may take to fetch its goodbye."""

log = logging.getLogger(__name__)


class AlreadyRunning(Exception):
    """Another engine listens on this socket."""


Handler = Callable[[Command], Awaitable[object]]


class Server:
    """Serves `hub` and `handle` on a Unix socket that only this user can open.

    `handle` gets every command but `Subscribe`, and answers with a record or raises
    `CharterError`. A command that was begun is finished even if its sender leaves.
    """

    def __init__(self, path: Path, hub: Hub, handle: Handler) -> None:
        self.path = path
        self._hub = hub
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._silent: dict[Subscriber, None] = {}
        self._commands: set[asyncio.Task[None]] = set()
        self._identity: tuple[int, int] | None = None
        self._lock: int | None = None

    async def start(self) -> None:
        """Listen. Raises `AlreadyRunning`, or `OSError` where the path cannot hold a socket."""
        if len(str(self.path).encode()) > MAX_SOCKET_PATH_BYTES:
            raise OSError(
                f"{self.path} is longer than the {MAX_SOCKET_PATH_BYTES} bytes a socket path may "
                "have"
            )
        self._lock = lock_socket(self.path)
        self._server = await asyncio.start_unix_server(
            self._connected, sock=bind(self.path), backlog=WAITING_CONNECTIONS
        )
        status = self.path.stat()
        self._identity = (status.st_dev, status.st_ino)

    async def close(self, reason: str = "shutting down") -> None:
        """Finish running commands, say goodbye, and remove the socket (if it is still ours)."""
        if self._server is not None:
            self._server.close()
        if self._commands:
            await asyncio.wait(self._commands, timeout=FAREWELL_SECONDS)
        self._hub.close(reason)
        if self._connections:
            _, unfinished = await asyncio.wait(self._connections, timeout=FAREWELL_SECONDS)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        with contextlib.suppress(FileNotFoundError):
            status = self.path.stat()
            if (status.st_dev, status.st_ino) == self._identity:
                self.path.unlink()
        if self._lock is not None:
            lock_path(self.path).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        subscriber = Subscriber()
        self._silent[subscriber] = None
        self._make_room(subscriber)
        sender = asyncio.create_task(_send(subscriber, writer))
        receiver = asyncio.create_task(self._receive(subscriber, reader))
        ended = asyncio.create_task(subscriber.ended.wait())
        try:
            await asyncio.wait({sender, receiver, ended}, return_when=asyncio.FIRST_COMPLETED)
            self._hub.unsubscribe(subscriber)
            if not sender.done() and subscriber.farewell is not None:
                await asyncio.wait({sender}, timeout=FAREWELL_SECONDS)
        finally:
            self._hub.unsubscribe(subscriber)
            self._silent.pop(subscriber, None)
            for job in (sender, receiver, ended):
                job.cancel()
            await asyncio.gather(sender, receiver, ended, return_exceptions=True)
            await _close(writer)
            self._connections.discard(task)

    def _make_room(self, newcomer: Subscriber) -> None:
        """Beyond the limit, the connection goes that waits longest without having asked anything;
        where all have, the newcomer."""
        if len(self._connections) > MAX_CONNECTIONS:
            crowding = next(iter(self._silent), newcomer)
            self._silent.pop(crowding, None)
            crowding.end(f"too many connections: {MAX_CONNECTIONS} are open")

    async def _receive(self, subscriber: Subscriber, reader: asyncio.StreamReader) -> None:
        splitter = FrameSplitter(MAX_REQUEST_BYTES)
        in_flight = asyncio.Semaphore(MAX_REQUESTS_IN_FLIGHT)
        try:
            while data := await reader.read(READ_BYTES):
                for payload in splitter.feed(data):
                    request = decode_request(payload)
                    self._silent.pop(subscriber, None)
                    await in_flight.acquire()
                    job = asyncio.create_task(self._answer(request, subscriber))
                    self._commands.add(job)
                    job.add_done_callback(self._commands.discard)
                    job.add_done_callback(lambda _: in_flight.release())
        except ProtocolError as error:
            subscriber.end(str(error))
        except ConnectionError:
            pass

    async def _answer(self, request: Request, subscriber: Subscriber) -> None:
        answer: Response | Failure
        try:
            if isinstance(request.command, Subscribe):
                result: object = self._subscribe(subscriber, request.command)
            else:
                result = await self._handle(request.command)
            answer = Response(request.id, encode_result(scrub_record(result)))
        except CharterError as refusal:
            answer = Failure(
                id=request.id, kind=refusal.kind, message=refusal.message, remedy=refusal.remedy
            )
        except Exception as error:
            log.exception("%s failed", type(request.command).__name__)
            answer = Failure(
                id=request.id, kind="failed", message=f"{type(error).__name__}: {error}"
            )
        subscriber.reply(frame(scrub_record(answer) if isinstance(answer, Failure) else answer))

    def _subscribe(self, subscriber: Subscriber, wanted: Subscribe) -> object:
        if wanted.version != PROTOCOL_VERSION:
            raise UsageError(
                f"this engine speaks protocol {PROTOCOL_VERSION}, the console {wanted.version}",
                remedy="use a console and an engine of the same release",
            )
        return self._hub.subscribe(subscriber, wanted)


def lock_socket(path: Path) -> int:
    """The lock that one engine holds for one socket path. Raises `AlreadyRunning` if another holds
    it."""
    lock = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A file that its last holder removed meanwhile would guard nothing.
        if os.fstat(lock).st_ino != lock_path(path).stat().st_ino:
            raise BlockingIOError
    except OSError:
        os.close(lock)
        raise AlreadyRunning(f"an engine already listens on {path}") from None
    return lock


def lock_path(path: Path) -> Path:
    """The lock beside a socket, held as long as somebody listens there."""
    return path.with_name(path.name + ".lock")


def bind(path: Path) -> socket.socket:
    """A socket listening at `path`, mode 0600, in place of one that a dead engine left there."""
    if path.is_socket():
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    listener.listen()
    return listener


async def _send(subscriber: Subscriber, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await subscriber.next_chunk():
            writer.write(chunk)
            await writer.drain()
        writer.write(subscriber.farewell or frame(Goodbye("closed")))
        await asyncio.wait_for(writer.drain(), FAREWELL_SECONDS)
    except (ConnectionError, TimeoutError):
        pass


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), FAREWELL_SECONDS)
    except (ConnectionError, TimeoutError):
        writer.transport.abort()
