"""Writes recordings in other forms, and stretches of them, by the engine's own commands.

They are processes of their own: a long recording takes a while, and the screen stays live.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from charter_engine.contracts.gauges import Event, Gauge
from charter_tui.link import EngineRefused
from charter_tui.present.words import sentence

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
