"""What a recording of 50 nodes at 1 Hz costs.

Its size, what writing a second costs, and how long a seek into a day takes.
"""

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from msgspec.structs import replace

from charter_engine.contracts.gauges import Event, Gauge, Host, Nodes, Run, Triton
from charter_engine.contracts.live import (
    HostSample,
    KvPool,
    NodeStats,
    RequestRecord,
    RunProgress,
    TritonSample,
)
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.recording_writer import Message, RecordingWriter

NODES = 50
HOUR, DAY = 3_600, 86_400
SIZE_BAR_MB, SEEK_BAR_MS = 2.0, 100.0
OUTPUT_CHARACTERS = 300
DOCUMENTS = Path(__file__).parents[2] / "examples" / "documents"


class Scene:
    """An engine that publishes each second.

    `busy` is the share of nodes that finish a request in it.
    """

    def __init__(self, busy: float) -> None:
        self.random = random.Random(7)
        self.busy = busy
        self.nodes = [
            NodeStats(node=f"Agent.step_{n}:output", state="running") for n in range(NODES)
        ]
        self.prose = "".join(
            path.read_text(encoding="utf-8") for path in sorted(DOCUMENTS.glob("*.txt"))
        )
        self.sequence = 0
        self.done = 0

    def second(self, number: int) -> list[Message]:
        at = 1_750_000_000.0 + number
        messages: list[Message] = []
        for index in self.random.sample(range(NODES), round(NODES * self.busy)):
            messages += self._request(index, at + self.random.random() * 0.9)
        free = 4_000 - self.random.randrange(200)
        pool = KvPool(
            max_blocks=4_096, free_blocks=free, used_blocks=4_096 - free, tokens_per_block=32
        )
        sample = TritonSample(
            health="ready", models={"tensorrt_llm": "READY"}, kv_pool=pool, active_requests=3
        )
        host = HostSample(
            cpu_utilization=round(self.random.random(), 3),
            memory_total_bytes=2**35,
            memory_used_bytes=2**34 + self.random.randrange(2**20) * 4096,
            engine_rss_bytes=60_000_000 + self.random.randrange(100) * 4096,
        )
        progress = RunProgress(
            run="r1",
            state="running",
            items_done=self.done,
            items_total=10**6,
            elapsed_ms=1e3 * number,
        )
        for payload in (Nodes(tuple(self.nodes)), Triton(sample), Host(host), Run(progress)):
            messages.append(Gauge(at=at + 0.95, payload=payload))
        return messages

    def _request(self, index: int, at: float) -> list[Message]:
        old = self.nodes[index]
        prompt = 900 + self.random.randrange(600)
        ttft = round(self.random.lognormvariate(3, 0.5), 2)
        start = self.random.randrange(len(self.prose) - OUTPUT_CHARACTERS)
        self.nodes[index] = replace(
            old,
            requests=old.requests + 1,
            prompt_tokens=old.prompt_tokens + prompt,
            reused_tokens=old.reused_tokens + prompt // 2,
            reused_blocks=old.reused_blocks + prompt // 64,
            total_blocks=old.total_blocks + prompt // 32,
            ttft_ms_last=ttft,
            ttft_ms_mean=round(20 + ttft / 100, 2),
            ttft_ms_p95=round(40 + ttft / 100, 2),
            output_text=self.prose[start : start + OUTPUT_CHARACTERS],
        )
        self.sequence += 1
        self.done += 1
        record = RequestRecord(
            run="r1",
            node=old.node,
            item=self.done,
            started_at=at,
            prompt_tokens=prompt,
            output_tokens=100,
            reused_tokens=prompt // 2,
            reused_blocks=prompt // 64,
            missed_blocks=prompt // 64,
            ttft_ms=ttft,
            latency_ms=round(ttft + 300 * self.random.random(), 2),
        )
        text = f"{prompt} prompt tokens, {prompt // 2} reused, first token after {ttft} ms"
        return [
            record,
            Event(sequence=self.sequence, at=at, kind="request", text=text, node=old.node),
        ]


def record(path: Path, seconds: int, busy: float) -> float:
    """Write that many seconds; CPU milliseconds a second of recording."""
    scene, writer = Scene(busy), RecordingWriter(path)
    spent = 0.0
    for number in range(seconds):
        messages = scene.second(number)
        start = time.process_time()
        writer.write(messages)
        spent += time.process_time() - start
    writer.close()
    return 1_000 * spent / seconds


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        for name, busy in (("one request a second", 0.02), ("five requests a second", 0.1)):
            path = Path(directory) / f"{busy}.charter"
            cost = record(path, HOUR, busy)
            size = path.stat().st_size / 1e6
            print(
                f"{NODES} nodes at 1 Hz, {name}: {size:.2f} MB/hour (bar {SIZE_BAR_MB}), "
                f"{cost:.2f} ms CPU to write a second"
            )
        path = Path(directory) / "day.charter"
        hour = Path(directory) / "0.1.charter"
        lengthen(hour, path)
        start = time.perf_counter()
        reader = RecordingReader(path)
        opening = 1_000 * (time.perf_counter() - start)
        generator, times = random.Random(3), []
        for _ in range(100):
            moment = generator.uniform(reader.start, reader.end)
            start = time.process_time()
            reader.cursor(moment)
            times.append(1_000 * (time.process_time() - start))
        times.sort()
        print(
            f"a day ({path.stat().st_size / 1e6:.0f} MB): open and index {opening:.0f} ms; seek, "
            f"CPU: median {statistics.median(times):.1f} ms, worst of 100 {times[-1]:.1f} ms "
            f"(bar {SEEK_BAR_MS:.0f})"
        )
    return 0


def lengthen(hour: Path, day: Path) -> None:
    """A day of such hours, each an hour later: the entries are copied with their times moved."""
    from charter_engine.store.recording_format import Damage, entry, header, scan

    content = hour.read_bytes()
    entries = [part for part in scan(content) if not isinstance(part, Damage)]
    with day.open("wb") as file:
        file.write(header())
        for number in range(DAY // HOUR):
            for part in entries:
                file.write(
                    entry(part.kind, part.at + number * HOUR, content[part.start : part.end])
                )


if __name__ == "__main__":
    sys.exit(main())
