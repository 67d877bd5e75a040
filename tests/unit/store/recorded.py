"""A recording as an engine would have made it: seconds of figures, requests, and a push."""

import random
from pathlib import Path

from charter_engine.contracts.gauges import Event, Gauge, Session, Ticked, Triton
from charter_engine.contracts.live import KvPool, RequestRecord, TritonSample
from charter_engine.contracts.series import Tick
from charter_engine.store.recording_writer import Message, RecordingWriter

BEGIN = 1_700_000_000.0
NODES = ("A.plan", "A.act")


def second(number: int, reused: int, draw: random.Random) -> list[Message]:
    """What an engine publishes in a second in which each node answered a request."""
    at = BEGIN + number
    requests: list[Message] = [
        RequestRecord(
            run="",
            node=node,
            item=0,
            source="program",
            started_at=at + 0.1 * place,
            prompt_tokens=100,
            reused_tokens=reused + draw.randint(-5, 5),
            output_tokens=20,
            ttft_ms=200.0 - reused + draw.random(),
            latency_ms=900.0 - reused + draw.random(),
        )
        for place, node in enumerate(NODES)
    ]
    computed = sum(one.computed_tokens or 0 for one in requests if isinstance(one, RequestRecord))
    pool = KvPool(max_blocks=100, free_blocks=60, used_blocks=number % 40, tokens_per_block=32)
    tick = Tick(
        at=at + 0.5,
        requests=2,
        prompt_tokens=200,
        computed_tokens=computed,
        ttft_ms=200.0 - reused,
        pool_used=pool.used_blocks / 100,
        gpu_memory_used=0.75,
    )
    sample = TritonSample(health="ready", url="127.0.0.1:8001", kv_pool=pool)
    return [
        *requests,
        Gauge(at=at + 0.4, payload=Triton(sample)),
        Gauge(at=tick.at, payload=Ticked(tick)),
    ]


def record(
    path: Path, seconds: range = range(60), reused: int = 20, push_at: int | None = None
) -> Path:
    """Write one; from the second of the push on, half as much again is reused."""
    draw = random.Random(7)
    writer = RecordingWriter(path)
    begin = BEGIN + seconds[0]
    session = Session(engine_version="0.1.0", agent="agent.py", revision=int(push_at is not None))
    writer.write([Gauge(at=begin, payload=session)])
    for number in seconds:
        pushed = push_at is not None and number >= push_at
        messages = second(number, reused + 40 if pushed else reused, draw)
        if number == push_at:
            push = Event(sequence=1, at=BEGIN + number, kind="push", text="revision 1 is live")
            messages = [push, *messages]
        writer.write(messages)
    writer.close()
    return path
