"""What a console holds after an hour of a run in which every call changes every second.

The engine is a real socket server whose clock is ahead of time: `--pace` of its seconds go by in
one. All screens are looked at in the beginning. Bar: less than 55 MiB resident. Beside it stands
the anonymous part, which is the process's own.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from charter_engine.contracts.commands import ListTicks
from charter_engine.contracts.gauges import Session
from charter_engine.contracts.graph import CompiledFile
from charter_engine.service.hub import Hub
from charter_engine.service.server import Server
from tests.benchmarks.bench_console import FIRST_SCREEN, Terminal, calls, publish, serving
from tests.benchmarks.bench_engine_memory import held

BAR_MIB: Final = 55.0
MIB: Final = 1 << 20
SECONDS, PACE = 3_600, 8
"""The console takes in ten snapshots of a second at most."""
EVENT_EVERY: Final = 5
LOOKS: Final = 12
SCREENS: Final = b"234567890"


async def serve(path: Path, nodes: int, pace: int) -> None:
    """The engine's side, until it is stopped."""
    now = time.time()
    hub = Hub(lambda: now)

    async def answer(command: object) -> object:
        return () if isinstance(command, ListTicks) else None

    server = Server(path, hub, answer)
    graph = calls(nodes)
    compiled = CompiledFile(path="agent.py", calls=graph)
    hub.publish(Session(engine_version="0", phase="ready", agent="agent.py", compiled=compiled))
    await server.start()
    tick = 0
    while True:
        tick, now = tick + 1, now + 1
        publish(hub, graph, tick)
        if tick % EVENT_EVERY == 0:
            hub.event("request", f"request {tick} finished")
        await asyncio.sleep(1 / pace)


def engine(nodes: int, pace: int) -> AbstractContextManager[Path]:
    command = [sys.executable, "-m", __spec__.name, "--nodes", str(nodes), "--pace", str(pace)]
    return serving(lambda path: [*command, "--serve", str(path)])


def show(words: str, terminal: Terminal) -> float:
    """Resident MiB."""
    resident, own = (count / MIB for count in held(terminal.pid))
    print(
        f"{words:<24} {resident:5.1f} MiB resident, {own:5.1f} its own; "
        f"{terminal.cpu_seconds():.1f} s of processor time",
        flush=True,
    )
    return resident


def measured(nodes: int, seconds: int, pace: int) -> float:
    """Resident MiB at the end."""
    print(f"{nodes} nodes")
    with engine(nodes, pace) as path:
        with contextlib.closing(Terminal(path)) as first:
            # Its bytecode is there from now on.
            first.until(FIRST_SCREEN)
        with contextlib.closing(Terminal(path)) as terminal:
            return watched(terminal, seconds / pace)


def watched(terminal: Terminal, seconds: float) -> float:
    """Resident MiB after so many seconds."""
    terminal.until(FIRST_SCREEN)
    terminal.drain(1.0)
    show("first screen", terminal)
    for key in SCREENS:
        for typed in (bytes([key]), b"\x1b"):
            os.write(terminal.master, typed)
            terminal.drain(0.6)
    resident = show("all screens seen", terminal)
    for look in range(1, LOOKS + 1):
        terminal.drain(seconds / LOOKS)
        resident = show(f"{look} of {LOOKS} parts over", terminal)
    return resident


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--pace", type=int, default=PACE)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(given.serve, given.nodes, given.pace))
        return 0
    resident = measured(given.nodes, given.seconds, given.pace)
    print(f"resident in the end: {resident:.1f} MiB (bar {BAR_MIB:.0f})")
    return 0 if resident < BAR_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
