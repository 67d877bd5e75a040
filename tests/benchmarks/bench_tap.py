"""What the tap costs a request and takes of memory, and that a reader once a second loses nothing.

Bars: less than 0.05 ms of processor time a request, its prompt kept with it; 500 requests a second
drained at 1 Hz with nothing lost; a reader that stops is told exactly what it lost. A stand-in
answers at once in the engine's place, since the reference engine would compete for the same
processor.
"""

import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from charter_engine.bls.recent import DEFAULT_BYTES, open_recent
from charter_engine.bls.ring import MEMORY, PREFIX, open_ring
from charter_engine.bls.tap import Tap
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL, GenerateRequest
from charter_engine.triton.tap import TapReader

PROMPT_TOKENS = (100, 1_000, 8_000)
ANSWER_TOKENS = 300
RECORDS = 2_000
UNREAD = 80_000
"""More than the ring holds."""
RATE = 500
SECONDS = 20
SENDERS = 32
PROMPT = "The committee met on Tuesday and agreed to publish every figure it had been given. " * 4
IMMEDIATE_ENGINE = """
import numpy as np
import triton_python_backend_utils as pb_utils

OUTPUTS = {"output_ids": [[[7]]], "sequence_length": [[1]], "kv_cache_reused_blocks": [[3]]}

class TritonPythonModel:
    def execute(self, requests):
        tensors = [
            pb_utils.Tensor(name, np.array(value, np.int32)) for name, value in OUTPUTS.items()
        ]
        for request in requests:
            request.get_response_sender().send(
                pb_utils.InferenceResponse(tensors),
                flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL,
            )
"""
FIELDS: dict[str, str | float | None] = {
    "at": 1764140000.123,
    "revision": 3,
    "session": "5f2c9d3e-2b1f-4a52-9d5e-0c8e3c1f8a11",
    "node": "DocumentProcessor.process:classification",
    "form": "as written",
    "unmatched": "",
    "output_tokens": 300,
    "reused_tokens": 4_000,
    "reused_blocks": 125,
    "missed_blocks": 126,
    "queue_ms": 1.234,
    "ttft_ms": 151.502,
    "total_ms": 1551.911,
    "finish": "length",
    "error": "",
}


def cost(tokens: int) -> float:
    """Median microseconds of processor time that one record takes, its prompt kept with it."""
    tap = Tap(open_ring("bench"), open_recent("bench", DEFAULT_BYTES))
    ids, answer = np.arange(tokens, dtype=np.int32), np.arange(ANSWER_TOKENS, dtype=np.int32)
    costs = []
    for _ in range(RECORDS):
        started = time.thread_time_ns()
        tap.add(FIELDS, ids, answer)
        costs.append((time.thread_time_ns() - started) / 1e3)
    tap.close()
    return statistics.median(costs)


def stopped() -> str:
    """What a reader is told that stopped, while more records came than are kept."""
    tap = Tap(open_ring("bench"))
    ids = np.arange(100, dtype=np.int32)
    tap.add(FIELDS, ids)
    cursor = json.loads(tap.read("")[0])["cursor"]
    for _ in range(UNREAD):
        tap.add(FIELDS, ids)
    seen = lost = 0
    left = 1
    while left:
        first, *records = tap.read(cursor)
        heading = json.loads(first)
        cursor, left = heading["cursor"], heading["left"]
        seen, lost = seen + len(records), lost + heading["lost"]
    tap.close()
    return f"a reader that stopped for {UNREAD:,} records: {seen:,} seen, {lost:,} told lost"


async def drained_at_1_hz(instances: int, directory: Path) -> str:
    """Requests at a steady rate, a reader once a second, and what came of it."""
    repository = write_embedded_repository(directory / "models")
    (repository / ENGINE_MODEL / "1" / "model.py").write_text(IMMEDIATE_ENGINE)
    config = repository / BLS_MODEL / "config.pbtxt"
    config.write_text(config.read_text().replace("count: 1", f"count: {instances}"))
    async with (
        EmbeddedTriton(repository) as server,
        TritonClient(server.state.connection) as client,
    ):
        reader = TapReader(client)
        await client.generate(GenerateRequest(text=PROMPT, max_tokens=1))
        await asyncio.sleep(0.2)
        await reader.drain()
        started = time.perf_counter()
        sending = asyncio.create_task(_send(client, started))
        seen = lost = 0
        drains: list[float] = []
        ended = False
        while not ended:
            await asyncio.sleep(1.0)
            ended = sending.done()
            begun = time.perf_counter()
            batch = await reader.drain()
            drains.append(time.perf_counter() - begun)
            seen, lost = seen + len(batch.records), lost + batch.lost
        seconds, sent = await sending
        rings = MEMORY.glob(f"{PREFIX}{server.state.server}_*")
        size = sum(ring.stat().st_size for ring in rings)
    return (
        f"{instances} instance(s): {sent / seconds:.0f} requests/s for {seconds:.0f} s, {sent:,} "
        f"sent, {seen:,} seen, {lost} lost; a drain took {statistics.median(drains) * 1e3:.1f} ms "
        f"(median); the rings of records and of recent prompts take {size / 2**20:.0f} MiB"
    )


async def _send(client: TritonClient, started: float) -> tuple[float, int]:
    """Send at the rate, from a few senders in turns; how long it took, and how many were sent."""
    numbers = itertools.count()

    async def sender(next_number: Callable[[], int]) -> None:
        while (number := next_number()) < RATE * SECONDS:
            await asyncio.sleep(max(started + number / RATE - time.perf_counter(), 0.0))
            await client.generate(GenerateRequest(text=PROMPT, max_tokens=1))

    await asyncio.gather(*(sender(lambda: next(numbers)) for _ in range(SENDERS)))
    seconds = time.perf_counter() - started
    await asyncio.sleep(1.0)  # a record is written just after its answer is sent
    return seconds, RATE * SECONDS


def main() -> None:
    for tokens in PROMPT_TOKENS:
        print(f"a record of {tokens:,} tokens: {cost(tokens):.1f} µs (bar: 50)")
    print(stopped())
    for instances in (1, 2):
        with tempfile.TemporaryDirectory() as directory:
            print(asyncio.run(drained_at_1_hz(instances, Path(directory))))


if __name__ == "__main__":
    main()
