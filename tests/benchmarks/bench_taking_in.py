"""What an engine process takes of a processor and of memory, by how much passes and of how many
nodes: every request read off the tap, told apart, counted, kept in the database and recorded.

Consoles, and the samples of Triton, are left out.
"""

import asyncio
import itertools
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
from msgspec import json

from charter_engine.api.live_server import TrafficTap
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord
from charter_engine.executor.totals import NodeTotals
from charter_engine.service.passed import Passed
from charter_engine.service.run_manager import RunManager
from charter_engine.service.tapping import Tapping
from tests.benchmarks.bench_idle_week import IdleEngine, resident_mb
from tests.unit.traffic.records import record

LOADS = ((0, 50), (10, 50), (100, 50), (500, 50), (1_000, 50), (100, 2_000))
"""Requests a second, and the nodes that they are of in turn."""
SECONDS, WARM_SECONDS = 20, 5
PROMPT_TOKENS, SESSIONS = 2_000, 200


def lines(nodes: int) -> Iterator[bytes]:
    """Records as the tap writes them: each prompt goes on from a beginning of the one before."""
    draw = np.random.default_rng(7)
    histories = draw.integers(30_000, size=(SESSIONS, PROMPT_TOKENS))
    for number in itertools.count(1):
        history = histories[number % SESSIONS]
        left = int(draw.integers(PROMPT_TOKENS))
        history[left:] = draw.integers(30_000, size=PROMPT_TOKENS - left)
        yield json.encode(
            record(
                history.tolist(),
                sequence=number,
                at=1e9 + number,
                node=f"Agent.step_{number % nodes}",
                session=f"s{number % SESSIONS}",
                revision=1,
                reused_tokens=512,
                ttft_ms=20.0,
                total_ms=100.0,
            )
        )


class WrittenTap:
    """A tap of which each second's lines are there already."""

    is_new = False
    trouble = ""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    async def drain(self) -> TrafficBatch:
        decoder = json.Decoder(TrafficRecord)
        return TrafficBatch(records=tuple(map(decoder.decode, self.lines)))


async def measure(folder: Path, rate: int, nodes: int) -> None:
    """Print one load's figures."""
    engine = IdleEngine(time.time() - SECONDS - WARM_SECONDS, folder)
    await engine.start()
    tap: Any = WrittenTap()
    running = RunManager(engine.hub)
    running.traffic = NodeTotals([f"Agent.step_{node}" for node in range(nodes)])
    tapping = Tapping(
        engine.hub, cast(TrafficTap, tap), running, lambda: 1, passed=Passed(engine.store)
    )
    written = lines(nodes)
    spent = 0.0
    try:
        for second in range(WARM_SECONDS + SECONDS):
            tap.lines = list(itertools.islice(written, rate))
            began = time.process_time()
            await engine.second(second)
            await tapping.drain()
            if second >= WARM_SECONDS:
                spent += time.process_time() - began
    finally:
        await engine.stop()
    print(
        f"{rate:>5,} requests a second of {nodes:,} nodes: {spent / SECONDS:.1%} of a processor, "
        f"{resident_mb():.0f} MB of memory",
        flush=True,
    )


def main() -> int:
    logging.disable()
    for rate, nodes in LOADS:
        with tempfile.TemporaryDirectory() as directory:
            asyncio.run(measure(Path(directory), rate, nodes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
