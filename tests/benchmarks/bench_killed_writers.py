"""A recorder and a writer of the database, killed at random moments.

Bars: of 100 kills each, every file opens and is whole, and at most the last write is missing.
"""

import asyncio
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.series import Tick
from charter_engine.store import maintenance
from charter_engine.store.database import Store
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.recording_writer import RecordingWriter

KILLS = 100
LONGEST_SECONDS = 0.15
Write = Callable[[Path, Pipe], None]


def record(path: Path, done: Pipe) -> None:
    """Write one second after another, and say so of each."""
    writer = RecordingWriter(path, chunk_seconds=20)
    number = 0
    while True:
        number += 1
        at = 1_000.0 + number
        writer.write([RequestRecord(run="r", node="n", item=number, started_at=at)])
        done.send(number)


def keep(path: Path, done: Pipe) -> None:
    """Keep one second after another, and say so of each."""

    async def write() -> None:
        number = 0
        async with Store(path) as store:
            while True:
                number += 1
                tick = Tick(at=time.time() - 80_000 + number, requests=1)
                await store.save_ticks("local", [tick])
                done.send(number)

    asyncio.run(write())


def last_recorded(path: Path) -> int:
    reader = RecordingReader(path)
    found = [one.item for one in reader.requests()]
    reader.close()
    assert found == list(range(1, len(found) + 1))
    return len(found)


def last_kept(path: Path) -> int:
    async def read() -> int:
        async with Store(path) as store:
            assert not store.notice, store.notice
            kept = await store.ticks("local", time.time() - 86_000, time.time(), 1)
            return sum(one.requests for one in kept)

    assert maintenance.check(path).problems == ()
    return asyncio.run(read())


def kill_one(write: Write, path: Path, draw: random.Random) -> int:
    """Start a writer and kill it; how many writes it had said were done."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=write, args=(path, there))
    process.start()
    there.close()
    said: int = here.recv()
    until = time.monotonic() + draw.random() * LONGEST_SECONDS
    while time.monotonic() < until:
        if here.poll(0.001):
            said = here.recv()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    try:
        while here.poll():
            said = here.recv()
    except EOFError:
        pass
    return said


def main() -> int:
    draw = random.Random(7)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for what, write, last in (
            ("recorder", record, last_recorded),
            ("database", keep, last_kept),
        ):
            lost = 0
            for number in range(KILLS):
                path = Path(folder) / f"{what}-{number}"
                said = kill_one(write, path, draw)
                lost = max(lost, said - last(path))
            failed |= lost > 1
            print(f"{what}: {KILLS} kills, every file whole, at most {lost} writes missing (bar 1)")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
