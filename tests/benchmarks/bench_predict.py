"""Seconds a setting takes to predict, and the block references a second that is.

Workloads: the Mooncake conversation trace and 60 pooled agent sessions if the traces lie beside the
repository, otherwise synthetic conversations of like shape (said so), and an operator's session of
1,000 requests. Pools hold as many tokens at every block size. Times are CPU seconds of one core,
the best of three, for one setting on a workload already read; what is done once a workload (the
path tree) stands apart. Bars: at most 1 s a setting on the conversation trace at every block size,
slowest to fastest within 1.5; at most 2 s on the agent sessions; at most 100 ms on the operator's
session. In the same run: the exact block manager, and libcachesim's LRU on the same block stream.
"""

import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numba
import numpy as np

from charter_engine.contracts.pool import Eviction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import BlockManager, PoolSettings, Retention, TokenRange
from charter_engine.kvcache.predict.compiled import layout
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.columns import Ints, Workload, WorkloadBuilder, as_workload
from charter_engine.kvcache.workload.content import Content
from charter_engine.kvcache.workload.lines import read_sessions, read_workload
from charter_engine.kvcache.workload.sessions import pool

TRACES = Path(__file__).parents[3] / "shared" / "traces"
BLOCK_SIZES = (8, 32, 128, 512)
EXACT_REQUESTS = 150
GPU_CHAINS, HOST_CHAINS = 146, 779
"""How many chains the two queues hold on average in the conversation trace, at 8 tokens a block."""


def main() -> None:
    """Print every figure."""
    conversations = conversation_trace()
    measure("conversation trace", conversations, 10_000 * 512)
    turns_beside_their_bound(conversations, 10_000 * 512)
    beside_others(conversations)
    measure("60 agent sessions", agent_sessions(), 10_000 * 64)
    operators_session()
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"largest memory: {largest:.0f} MB (measured)")


def conversation_trace() -> Workload:
    """The Mooncake conversation trace, or something like it."""
    path = TRACES / "mooncake_conversation_trace.jsonl"
    if path.exists():
        return read_workload(path)
    print("no traces beside the repository: synthetic conversations instead")
    return synthetic_conversations(Random(7), requests=12_000, unit_tokens=512, turn_units=(1, 20))


def agent_sessions() -> Workload:
    """60 pooled agent sessions, or something like them."""
    path = TRACES / "agent_sessions.jsonl.gz"
    if path.exists():
        return pool(list(read_sessions(path)), 60, 3600, 600, seed=7)
    print("no traces beside the repository: synthetic sessions instead")
    return synthetic_conversations(Random(7), requests=4_000, unit_tokens=64, turn_units=(2, 40))


def synthetic_conversations(
    rng: Random, requests: int, unit_tokens: int, turn_units: tuple[int, int]
) -> Workload:
    """Conversations that share their first unit and grow by some units a turn."""
    builder = WorkloadBuilder()
    fresh = 1
    conversations: list[list[tuple[int, int]]] = []
    for at in range(requests):
        if not conversations or rng.random() < 0.4:
            conversations.append([(0, 1)])
        place = int(len(conversations) * rng.betavariate(3, 1))
        added = rng.randint(*turn_units)
        conversations[place] = [*conversations[place], (fresh, added)]
        fresh += added
        length = sum(count for _, count in conversations[place]) * unit_tokens
        builder.add(
            300.0 * at, length + rng.randrange(unit_tokens), 100, unit_tokens, conversations[place]
        )
    return builder.build()


def measure(name: str, workload: Workload, pool_tokens: int) -> None:
    """One line for every pool, eviction line and block size."""
    predictor = Predictor(workload, compiled=True)
    _ = workload.units
    tree = cpu_seconds(lambda: predictor.paths)
    print(
        f"\n{name}: {len(workload):,} requests, {workload.prompt_tokens:,} tokens; "
        f"path tree {tree:.3f} s (once)"
    )
    predictor.simulate(PoolSettings(pool_tokens // 512, 512))
    retention = retentions(len(workload))
    lines: tuple[Eviction, ...] = ("leaf", "flat")
    for eviction in lines:
        for host in (False, True):
            taken = {}
            for size in BLOCK_SIZES:
                blocks = pool_tokens // size
                settings = PoolSettings(
                    blocks, size, host_blocks=2 * blocks * host, eviction=eviction
                )
                taken[size] = best(partial(predictor.simulate, settings, retention))
            columns = "  ".join(
                f"{size}: {seconds:.3f} s, {references(workload, size) / seconds / 1e6:,.0f} M/s"
                for size, seconds in taken.items()
            )
            spread = max(taken.values()) / min(taken.values())
            tier = "with host tier" if host else "GPU only"
            print(f"{eviction}, retention, {tier}: {columns}  slowest/fastest {spread:.2f}")
    whole = {
        size: best(partial(whole_prediction, predictor, pool_tokens, size)) for size in BLOCK_SIZES
    }
    columns = "  ".join(f"{size}: {seconds:.3f} s" for size, seconds in whole.items())
    spread = max(whole.values()) / min(whole.values())
    print(
        f"leaf, a whole prediction, host tier and bracket: {columns}  "
        f"slowest/fastest {spread:.2f} (measured)"
    )


def turns_beside_their_bound(workload: Workload, pool_tokens: int, size: int = 8) -> None:
    """What a block that moves to host takes by the leaf rule, and a loop over two queues that does
    nothing but follow them and change what such a move changes."""
    predictor = Predictor(workload, compiled=True)
    blocks = pool_tokens // size
    small = PoolSettings(blocks, size, host_blocks=2 * blocks)
    large = PoolSettings(pool_tokens // 512, 512, host_blocks=2 * pool_tokens // 512)
    moved = predictor.simulate(small).offloaded
    taken = best(partial(predictor.simulate, small)) - best(partial(predictor.simulate, large))
    runs, gpu, host = two_queues(GPU_CHAINS, HOST_CHAINS)
    follow: Any = numba.njit(follow_two_queues)
    follow(runs, gpu, host, 1)
    bound = best(lambda: follow(runs, gpu, host, moved))
    print(
        f"{moved:,} blocks of {size} tokens moved to host, {1e9 * taken / moved:.1f} ns each "
        f"beyond what blocks of 512 take; the loop alone {1e9 * bound / moved:.1f} ns (measured)"
    )


def two_queues(gpu_chains: int, host_chains: int) -> tuple[Ints, int, int]:
    """Runs that lie about as they do in a prediction: those of two queues, and one below each of
    the first. Gives the runs, and the first one of each queue."""
    order = np.random.default_rng(1).permutation(60_000)[: 2 * gpu_chains + host_chains]
    gpu, below, host = np.split(order * layout.RUN_FIELDS, (gpu_chains, 2 * gpu_chains))
    runs = np.zeros(60_000 * layout.RUN_FIELDS, dtype=np.int64)
    for queue in (gpu, host):
        runs[queue + layout.NEXT] = np.roll(queue, -1)
    runs[gpu + layout.DEEPER] = below
    return runs, int(gpu[0]), int(host[0])


def follow_two_queues(runs: Ints, gpu: int, host: int, turns: int) -> None:
    """The least that turns of chains which go on on host do."""
    for _ in range(turns):
        runs[gpu + layout.HIGH] -= 1
        runs[runs[gpu + layout.DEEPER] + layout.LOW] -= 1
        runs[host + layout.HIGH] -= 1
        gpu, host = runs[gpu + layout.NEXT], runs[host + layout.NEXT]


def whole_prediction(predictor: Predictor, pool_tokens: int, size: int) -> None:
    """One prediction whose bracket is not known yet."""
    again = Predictor(predictor.workload, compiled=True)
    again.__dict__["paths"] = predictor.paths
    blocks = pool_tokens // size
    again.predict(
        PoolSettings(blocks, size, host_blocks=2 * blocks),
        retention=retentions(len(predictor.workload)),
    )


def retentions(count: int) -> list[Retention | None]:
    """Four settings in turns, and nothing asked by every third request."""
    kept = [
        Retention((TokenRange(0, 1024, 80), TokenRange(1024, 4096 << shift, 50, 60_000)))
        for shift in range(4)
    ]
    return [kept[i % 4] if i % 3 else None for i in range(count)]


def beside_others(workload: Workload) -> None:
    """The exact manager and libcachesim on the start of the trace, at 512 tokens a block."""
    part = workload.select(np.arange(min(EXACT_REQUESTS, len(workload))))
    predictor = Predictor(part, compiled=True)
    settings = PoolSettings(5_000, 32)
    predictor.simulate(settings)
    fast = best(lambda: predictor.simulate(settings))
    content = Content(part)
    prompts = [content.prompt(i) for i in range(len(part))]
    exact = cpu_seconds(lambda: through_manager(prompts, settings))
    count = references(part, 32)
    print(
        f"first {len(part)} requests, 32 tokens per block: "
        f"exact manager {count / exact / 1e6:.2f} M references/s, "
        f"fast {count / fast / 1e6:.1f} M references/s, {exact / fast:.0f} times as fast (measured)"
    )
    beside_libcachesim(workload)


def through_manager(prompts: list[list[int]], settings: PoolSettings) -> None:
    """Each prompt from start to end."""
    manager = BlockManager(settings)
    for request, tokens in enumerate(prompts):
        manager.add(request, tokens)
        manager.store_context(request)
        manager.finish(request)


def beside_libcachesim(workload: Workload) -> None:
    """LRU on the block ids of the trace, by libcachesim and by a flat pool here."""
    try:
        import libcachesim
    except ImportError:
        print("libcachesim is not installed: no yardstick")
        return
    if len(set(workload.unit_tokens.tolist())) != 1:
        return
    size = int(workload.unit_tokens[0])
    offset = workload.unit_offset
    # Tail first, so that within a request the head is the youngest, as blocks are released.
    stream = np.concatenate([workload.units[a:b][::-1] for a, b in pairwise(offset)])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stream.bin"
        records = np.zeros(
            len(stream), dtype=[("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")]
        )
        records["time"], records["id"], records["size"], records["next"] = 1, stream + 1, 1, -2
        records.tofile(file)
        reader = libcachesim.TraceReader(
            str(file), trace_type=libcachesim.TraceType.ORACLE_GENERAL_TRACE
        )
        cache = libcachesim.LRU(10_000)
        start = time.process_time()
        missed, _ = cache.process_trace(reader)
        taken = time.process_time() - start
    predictor = Predictor(workload, compiled=True)
    settings = PoolSettings(10_000, size, eviction="flat")
    own = best(lambda: predictor.simulate(settings))
    outcome = predictor.simulate(settings)
    count = references(workload, size)
    rate = outcome.reused_blocks.sum() / count
    print(
        f"LRU, 10,000 blocks of {size}: "
        f"libcachesim {len(stream) / taken / 1e6:.1f} M references/s, hit rate {1 - missed:.4f}; "
        f"here {count / own / 1e6:.1f} M references/s, {rate:.4f} (measured)"
    )


def operators_session() -> None:
    """1,000 requests of 40 conversations, in plain Python, as a process that just started would."""
    rng = Random(1)
    system = list(range(100, 400))
    conversations = [list(system) for _ in range(40)]
    requests = []
    for at in range(1000):
        place = rng.randrange(40)
        grown = conversations[place] + [rng.randrange(32_000) for _ in range(rng.randint(20, 200))]
        conversations[place] = grown if len(grown) < 3000 else list(system)
        tokens = tuple(conversations[place])
        requests.append(
            WorkloadRequest(
                timestamp=200.0 * at, input_length=len(tokens), output_length=50, token_ids=tokens
            )
        )
    predictor = Predictor(as_workload(requests), compiled=False)
    tree = cpu_seconds(lambda: predictor.paths)
    taken = best(lambda: predictor.predict(PoolSettings(1000, 32), bracket=False))
    print(
        f"\noperator's session, 1,000 requests: {taken * 1e3:.0f} ms a setting, "
        f"path tree {tree * 1e3:.0f} ms once (measured)"
    )


def references(workload: Workload, size: int) -> int:
    """Blocks of all prompts together."""
    return int((-(-workload.input_length // size)).sum())


def best(task: Callable[[], object]) -> float:
    """The least CPU seconds of three."""
    return min(cpu_seconds(task) for _ in range(3))


def cpu_seconds(task: Callable[[], object]) -> float:
    start = time.process_time()
    task()
    return time.process_time() - start


if __name__ == "__main__":
    main()
