"""An engine that belongs to the process that started it, and ends when that says so."""

import asyncio
import contextlib
import math
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from charter_engine.children import environment
from charter_engine.paths import engine_log_path, open_private
from charter_engine.service.protocol import STOP

START_SECONDS = 20.0
"""An engine listens after about a second of processor time; a busy machine takes several times
that."""
STOP_SECONDS = 15.0
"""Longer than an embedded Triton is given to end (`DOWN_SECONDS`)."""
POLL_SECONDS = 0.01
"""Nobody sees a hundredth of a second."""
LOG_TAIL_BYTES = 2_000
"""Assumed: the last lines say why an engine did not stay."""
LOG_LIMIT_BYTES = 4 * 1024 * 1024
"""Assumed: an editor still opens it at once; a larger log begins anew."""


class EngineFailed(Exception):
    """The engine could not be started, and what it said last."""


class ChildEngine:
    """`charter-engine serve` as a child. Its standard input is a pipe from here: it stops when it
    is told to there, and when the pipe closes without a word, `outlive` seconds later (None: at
    once).

    So it outlives a console that is killed, and nothing is left behind for ever. It runs in a
    session of its own, so that Ctrl-C in the console's terminal is the console's to handle, and
    the terminal's end is not the engine's.
    """

    def __init__(
        self, path: Path, arguments: Sequence[str] = (), outlive: float | None = None
    ) -> None:
        self.path = path
        self.log_path = engine_log_path()
        self._arguments = tuple(arguments)
        self._outlive = outlive
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def process_id(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start it and wait until its socket answers. Raises `EngineFailed` with the end of its
        log."""
        with _open_log(self.log_path) as log:
            start = log.tell()
            self._process = self._spawn(log)
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self._answers():
                    if not self.running:
                        raise EngineFailed(self._last_words(start))
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            await self.stop()
            raise EngineFailed(f"the engine did not answer within {START_SECONDS:.0f} s") from None

    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        """Not asyncio's process, which is killed when the console's loop ends."""
        command = [sys.executable, "-P", "-m", "charter_engine.cli", "serve"]
        ending = ["--stop-with-stdin"]
        if self._outlive is not None:
            ending.append(f"--outlive={self._outlive:g}s")
        return subprocess.Popen(
            [*command, "--socket", str(self.path), *ending, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment(),
        )

    async def stop(self) -> None:
        """Ask it to stop, then insist."""
        process = self._process
        if process is None:
            return
        self._close_stdin(STOP)
        for insist in (process.terminate, process.kill):
            if not await _ended(process, STOP_SECONDS):
                insist()
        await _ended(process, math.inf)

    def keep(self) -> None:
        """Leave it running without this console, for another to take over."""
        self._close_stdin()

    def _close_stdin(self, said: bytes = b"") -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(said)
                self._process.stdin.close()

    async def _answers(self) -> bool:
        """Whether it is this child, and no other engine, that listens there."""
        try:
            _, writer = await asyncio.open_unix_connection(str(self.path))
        except OSError:
            return False
        listener = _peer(writer.get_extra_info("socket"))
        writer.close()
        return listener in (None, self.process_id)

    def _last_words(self, start: int) -> str:
        code = self._process.poll() if self._process else None
        with self.log_path.open("rb") as log:
            log.seek(max(start, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
            said = log.read().decode(errors="replace").strip()
        words = said or "it said nothing"
        return f"the engine ended with {code} while starting: {words} (log: {self.log_path})"


async def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ends in time. No thread waits for it: whoever gives up would wait for that one."""
    latest = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() >= latest:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True


def _peer(connection: socket.socket) -> int | None:
    """The process at the other end of a Unix socket, where the system tells (Linux, unix(7):
    `SO_PEERCRED`)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    return int(struct.unpack("3i", credentials)[0])


def _open_log(path: Path) -> BinaryIO:
    too_large = path.exists() and path.stat().st_size > LOG_LIMIT_BYTES
    log = open_private(path, append=not too_large)
    log.seek(0, os.SEEK_END)
    return log
