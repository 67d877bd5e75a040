"""Writes recordings in other forms, and stretches of them.

What lies on this machine is written by the engine's own commands, in processes of their own: a long
recording takes a while, and the screen stays live. What is replayed may lie on another machine: the
engine that replays it hands the stretch over.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from charter_engine.contracts.commands import Command, CutReplay
from charter_engine.contracts.gauges import Event, Gauge
from charter_engine.contracts.recordings import RecordingPiece
from charter_tui.link import EngineRefused
from charter_tui.present.words import sentence

Ask = Callable[[Command], Awaitable[Any]]

DAMAGED = 1
"""The exit code of an export of what could be read of a damaged recording, among others."""


async def export(recording: str, output: str) -> None:
    """Write a recording in the form that the output's name says. Raises `EngineRefused`."""
    code, words = await _run(("export", recording, "--output", output))
    if code:
        raise EngineRefused(words)


async def cut(recording: str, begin: float, end: float, output: str) -> str:
    """Write what a recording holds between two epoch seconds as one of its own; gives what of it
    could not be read, in words. Raises `EngineRefused`, and then there is no file."""
    span = ("--begin", str(begin), "--end", str(end))
    code, words = await _run(("export", recording, *span, "--cut", output))
    if code == DAMAGED and _is_there(output):
        return words
    if code:
        raise EngineRefused(words)
    return ""


async def fetch(ask: Ask, begin: float, end: float, output: str) -> str:
    """Write what is replayed between two epoch seconds, as its engine hands it over; gives what of
    it could not be read, in words. Raises `EngineRefused`, and then there is no file."""
    path = Path(output)
    fresh = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        if _is_there(output):
            raise FileExistsError
        damaged = await _receive(ask, begin, end, fresh)
        fresh.rename(path)
    except FileExistsError:
        raise EngineRefused(f"{path} exists; choose another file.") from None
    except OSError as error:
        raise EngineRefused(f"{path} could not be written: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()
    return sentence(f"of the recording, {damaged}") if damaged else ""


async def _receive(ask: Ask, begin: float, end: float, path: Path) -> str:
    """Write the stretch piece by piece; gives what of it could not be read. Raises `OSError`."""
    mode = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    written = 0
    with os.fdopen(os.open(path, mode, 0o600), "wb") as file:
        while True:
            piece: RecordingPiece = await ask(CutReplay(begin=begin, end=end, offset=written))
            written += file.write(piece.data)
            if written >= piece.size:
                return piece.damaged
            if not piece.data:
                raise EngineRefused("The engine handed over less than there is; try again.")


def _is_there(path: str) -> bool:
    return Path(path).exists()


async def record(told: Iterable[Gauge | Event], output: str, *, keeps_text: bool) -> None:
    """Write what was told as a recording. Raises `EngineRefused`, and then there is no file."""
    options = () if keeps_text else ("--no-text",)
    command = ("recordings", "make", "-", "--output", output, *options)
    code, words = await _run(command, told)
    if code:
        raise EngineRefused(words)


async def _run(
    arguments: Sequence[str], told: Iterable[Gauge | Event] = ()
) -> tuple[int | None, str]:
    """Run a command of the engine on what was told; gives its exit code, and what it said as
    sentences. It ends with this, and takes away what it wrote until then."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "charter_engine.cli", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert running.stdin is not None
    assert running.stderr is not None
    try:
        said, _ = await asyncio.gather(running.stderr.read(), _feed(running.stdin, told))
        await running.wait()
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGINT)
            await running.wait()
    lines = said.decode(errors="replace").removeprefix("charter-engine: ").splitlines()
    words = " ".join(sentence(item.strip()) for item in lines)
    return running.returncode, words or f"It ended with exit code {running.returncode}."


async def _feed(stream: asyncio.StreamWriter, told: Iterable[Gauge | Event]) -> None:
    """Write what was told as `charter-engine export` would have."""
    encoder = msgspec.json.Encoder()
    with contextlib.suppress(ConnectionError):  # it ended: what it said tells why
        for message in told:
            kind = type(message).__name__.lower()
            stream.write(encoder.encode({"record": kind, **msgspec.to_builtins(message)}) + b"\n")
            await stream.drain()
        stream.close()
        await stream.wait_closed()
