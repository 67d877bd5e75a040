"""What the metrics page costs: a request that is counted and told apart, and a scrape.

Bar: less than 1 % of a processor at 100 requests a second of 50 nodes, scraped every 15 seconds.
"""

import random
import sys
import time

from prometheus_client import CollectorRegistry, generate_latest

from charter_engine.contracts.explaining import PromptParts
from charter_engine.contracts.gauges import NodeParts, TokenParts
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.monitor.metrics.states import States
from charter_engine.monitor.metrics.traffic import TrafficCounters
from charter_engine.service.hub import Hub
from charter_engine.traffic.told_apart import ToldApart
from tests.unit.traffic.records import record

NODES, REQUESTS, SCRAPES = 50, 5_000, 20
PROMPT_TOKENS, SESSIONS = 2_000, 200
PER_SECOND, SCRAPE_SECONDS, BAR = 100, 15, 0.01


def requests() -> list[TrafficRecord]:
    """Conversations that go on from their own beginning, of nodes in turn."""
    draw = random.Random(7)
    histories = [[draw.randrange(30_000) for _ in range(PROMPT_TOKENS)] for _ in range(SESSIONS)]
    found = []
    for number in range(REQUESTS):
        history = histories[draw.randrange(SESSIONS)]
        history[draw.randrange(PROMPT_TOKENS) :] = [draw.randrange(30_000) for _ in range(64)]
        found.append(
            record(
                history[:PROMPT_TOKENS],
                sequence=number,
                at=1e9 + number,
                node=f"Agent.step_{number % NODES}",
                session=f"s{number % SESSIONS}",
                reused_tokens=512,
            )
        )
    return found


def main() -> int:
    hub, registry = Hub(), CollectorRegistry()
    counters = TrafficCounters(registry)
    registry.register(States(hub.latest))
    hub.publish(
        TokenParts(
            tuple(NodeParts(node=f"Agent.step_{n}", parts=PromptParts()) for n in range(NODES))
        )
    )
    passed = requests()
    begin = time.process_time()
    for one in passed:
        counters.take(
            RequestRecord(
                run="",
                node=one.node,
                item=0,
                started_at=one.at,
                prompt_tokens=one.prompt_tokens,
                reused_tokens=one.reused_tokens,
                output_tokens=20,
                ttft_ms=20.0,
                latency_ms=100.0,
                queue_ms=1.0,
                source="program",
            )
        )
    counted = (time.process_time() - begin) / REQUESTS
    begin = time.process_time()
    for _ in ToldApart().take(passed, 32):
        pass
    told = (time.process_time() - begin) / REQUESTS
    begin = time.process_time()
    for _ in range(SCRAPES):
        page = generate_latest(registry)
    scraped = (time.process_time() - begin) / SCRAPES
    share = PER_SECOND * counted + scraped / SCRAPE_SECONDS
    print(
        f"a request: {counted * 1e6:.0f} µs to count, {told * 1e6:.0f} µs to tell apart (with or "
        f"without a page); a scrape of {NODES} nodes: {scraped * 1e3:.1f} ms, {len(page):,} bytes"
    )
    print(
        f"the page at {PER_SECOND} requests a second: {share:.2%} of a processor (bar {BAR:.0%}), "
        f"telling apart {PER_SECOND * told:.2%} more"
    )
    return 0 if share < BAR else 1


if __name__ == "__main__":
    sys.exit(main())
