"""How many block events a second the tree of a live map takes, as they are published and as they
are kept, and where it is followed what each block holds, as the console's measured map does.

Bar: 100,000 a second on one core. Rates are of processor time, which other work does not touch.
"""

import json
import time
from collections.abc import Callable

import msgspec

from charter_engine.kvcache.manager.event_batches import follow_batch
from charter_engine.kvcache.manager.event_log import follow_event_log
from charter_engine.kvcache.manager.event_map import EventMap
from charter_engine.traffic.measured import BlockContent

CHAINS, CHAIN_BLOCKS, TOKENS_PER_BLOCK = 8_000, 16, 16
HELD_CHAINS = 500
"""As many as the cache holds: what is older is removed as others come."""
BAR = 100_000


def published() -> list[bytes]:
    """Batches as vLLM sends them: a chain stored, an old one removed."""
    encoder = msgspec.msgpack.Encoder()
    batches = []
    for chain in range(CHAINS):
        events: list[dict[str, object]] = [
            {
                "type": "BlockStored",
                "block_hashes": hashes_of(chain),
                "parent_block_hash": None,
                "token_ids": list(range(CHAIN_BLOCKS * TOKENS_PER_BLOCK)),
                "block_size": TOKENS_PER_BLOCK,
            }
        ]
        if chain >= HELD_CHAINS:
            removed = hashes_of(chain - HELD_CHAINS)
            events.append({"type": "BlockRemoved", "block_hashes": removed})
        batches.append(encoder.encode([time.time(), events, 0]))
    return batches


def kept() -> list[bytes]:
    """Readings of trtllm-serve's buffer, a chain each."""
    readings = []
    tokens = [{"token_id": token} for token in range(TOKENS_PER_BLOCK)]
    for chain in range(CHAINS // 4):
        blocks = [{"block_hash": one, "tokens": tokens} for one in hashes_of(chain)]
        events: list[dict[str, object]] = [
            {"event_id": 2 * chain, "data": {"type": "stored", "blocks": blocks}}
        ]
        old = hashes_of(chain - HELD_CHAINS) if chain >= HELD_CHAINS else []
        removed = {"type": "removed", "block_hashes": old}
        events.append({"event_id": 2 * chain + 1, "data": removed})
        readings.append(json.dumps(events).encode())
    return readings


def hashes_of(chain: int) -> list[int]:
    return [chain * CHAIN_BLOCKS + block for block in range(CHAIN_BLOCKS)]


def measure(
    name: str,
    messages: list[bytes],
    follow: Callable[[EventMap, int, bytes], None],
    content: BlockContent | None = None,
) -> None:
    found = EventMap(content)
    began = time.process_time()
    for number, message in enumerate(messages):
        follow(found, number, message)
    seconds = time.process_time() - began
    (tree,) = found.report().trees
    events = tree.churn.stored + tree.churn.removed
    rate = events / seconds
    print(
        f"{name}: {events:,} block events in {seconds:.2f} s of processor time, {rate:,.0f} a "
        f"second ({'meets' if rate >= BAR else 'below'} the bar of {BAR:,})"
    )


if __name__ == "__main__":
    measure("published, MessagePack", published(), follow_batch)
    measure("kept, JSON", kept(), lambda found, _, body: follow_event_log(found, [body]))
    measure("published, with content", published(), follow_batch, BlockContent())
