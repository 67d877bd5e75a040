"""What an engine process holds of an hour of traffic, and what reading it costs.

300 calls that follow one another without a pause are a request in about 70 ms on the embedded
Triton, and so 50,000 an hour: more than the 20,000 that are held, so that nothing grows from then
on. Prompts are of 800 tokens and differ in their last 100.
"""

import asyncio
import gc
import os
import random
import time

import psutil

from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord
from charter_engine.service.hub import Hub
from charter_engine.service.passed import Passed
from charter_engine.service.session_store import SessionStore

AN_HOUR, AT_ONCE, CALLS = 50_000, 50, 300
PREFIX_HASHES, OWN_HASHES, ANSWER_HASHES = 44, 6, 2


def request(chance: random.Random, number: int, prefixes: list[bytes]) -> TrafficRecord:
    return TrafficRecord(
        at=1_700_000_000.0 + number * 0.072,
        sequence=number,
        run=f"20260101T000000Z-{number // CALLS:06x}",
        source="run",
        request_id=f"20260101T000000Z-{number // CALLS:06x}-{number % CALLS}",
        session=f"item-{number % CALLS}",
        node=f"Desk.wave_{number % CALLS}:note",
        form="as written",
        prompt_tokens=800 + chance.randrange(16),
        output_tokens=32,
        reused_tokens=chance.randrange(700),
        reused_blocks=chance.randrange(40),
        missed_blocks=chance.randrange(10),
        queue_ms=chance.random() * 9,
        ttft_ms=chance.random() * 90,
        total_ms=chance.random() * 900,
        hashes=prefixes[number % CALLS] + chance.randbytes(8 * OWN_HASHES),
        answer_hashes=chance.randbytes(8 * ANSWER_HASHES),
    )


def resident() -> float:
    gc.collect()
    return psutil.Process(os.getpid()).memory_info().rss / 1e6


async def bench() -> None:
    chance = random.Random(1)
    shared = chance.randbytes(8 * PREFIX_HASHES)
    prefixes = [shared] * CALLS
    passed = Passed(SessionStore(Hub()))
    before, took = resident(), time.process_time()
    for begin in range(0, AN_HOUR, AT_ONCE):
        records = tuple(request(chance, begin + one, prefixes) for one in range(AT_ONCE))
        await passed.take(TrafficBatch(records=records))
    took = time.process_time() - took
    print(f"{AN_HOUR:,} requests: {resident() - before:.1f} MB held, {took:.1f} s with making them")
    begun = time.process_time()
    number = len((await passed.since()).records)
    print(f"all {number:,} read in {time.process_time() - begun:.2f} s")
    begun = time.process_time()
    passed.last(200)
    print(f"the last 200 read in {(time.process_time() - begun) * 1e3:.1f} ms")
    print(f"{resident() - before:.1f} MB held after reading")


if __name__ == "__main__":
    asyncio.run(bench())
