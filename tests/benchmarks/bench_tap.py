"""What the tap costs a request and takes of memory, and that a reader once a second loses nothing.

Bars: less than 0.05 ms of processor time a request, its prompt kept with it; 500 requests a second
drained at 1 Hz with nothing lost; a reader that stops is told exactly what it lost. A stand-in
answers at once in the engine's place, since the reference engine would compete for the same
processor.
"""

import asyncio
import itertools
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from charter_engine.bls.answer import Answer
from charter_engine.bls.prompt import Arrival, Prompt
from charter_engine.bls.recent import DEFAULT_BYTES, open_recent
from charter_engine.bls.ring import MEMORY, PREFIX, open_ring
from charter_engine.bls.served import record_of
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
LATE_SECONDS = 5
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
ARRIVAL = Arrival(
    agent="document_processor",
    source="program",
    session="5f2c9d3e-2b1f-4a52-9d5e-0c8e3c1f8a11",
    request_id="0c8e3c1f8a115f2c9d3e2b1f4a529d5e",
    max_tokens=ANSWER_TOKENS,
)
NODE, FORM = "DocumentProcessor.process:classification", "as written"
NUMBERS = {
    "kv_cache_reused_blocks": 125,
    "arrival_time_ns": 0,
    "first_scheduled_time_ns": 1_234_000,
    "first_token_time_ns": 151_502_000,
}


def keep(tap: Tap, prompt: Prompt, answer: Answer) -> None:
    """Do for one request what the model does when it has sent its answer."""
    fields = record_of(
        ARRIVAL,
        prompt,
        answer,
        error="",
        cancelled=False,
        at=1764140000.123,
        total_s=1.551911,
        revision=3,
    )
    tap.add(fields, prompt.token_ids, answer.ids)


def cost(tokens: int) -> str:
    """Microseconds of processor time that one record takes, its prompt kept with it: the median,
    and the best tenth, which is less of a busy machine's."""
    tap = Tap(open_ring("bench"), open_recent("bench", DEFAULT_BYTES))
    ids: Any = np.arange(tokens, dtype=np.int32)
    prompt = Prompt(ids, NODE, {}, form=FORM)
    costs = []
    for _ in range(RECORDS):
        answer = Answer(np.arange(ANSWER_TOKENS, dtype=np.int32), tokens, NUMBERS, 4_000, 126)
        started = time.thread_time_ns()
        keep(tap, prompt, answer)
        costs.append((time.thread_time_ns() - started) / 1e3)
    tap.close()
    best = statistics.quantiles(costs, n=10)[0]
    return f"{statistics.median(costs):.1f} µs, at best {best:.1f} µs (bar: 50)"


def stopped() -> str:
    """What a reader is told that stopped, while more records came than are kept."""
    tap = Tap(open_ring("bench"))
    ids = np.arange(100, dtype=np.int32)
    tap.add({"node": NODE}, ids)
    cursor = json.loads(tap.read("")[0])["cursor"]
    for _ in range(UNREAD):
        tap.add({"node": NODE}, ids)
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
        await asyncio.sleep(LATE_SECONDS)
        await reader.drain()
        started = time.perf_counter()
        sending = asyncio.create_task(_send(client, started))
        seen = lost = 0
        drains: list[float] = []
        # A record is written just after its answer is sent.
        until = math.inf
        while seen + lost < RATE * SECONDS and time.perf_counter() < until:
            await asyncio.sleep(1.0)
            if sending.done():
                until = min(until, time.perf_counter() + LATE_SECONDS)
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
    return time.perf_counter() - started, RATE * SECONDS


def main() -> None:
    for tokens in PROMPT_TOKENS:
        print(f"a record of {tokens:,} tokens: {cost(tokens)}")
    print(stopped())
    for instances in (1, 2):
        with tempfile.TemporaryDirectory() as directory:
            print(asyncio.run(drained_at_1_hz(instances, Path(directory))))


if __name__ == "__main__":
    main()
