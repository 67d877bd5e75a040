"""LRU hit rates for every pool size at once, and how they compare with published ones.

Bar: at most 0.3 s on the Mooncake conversation trace once it is read. Reference hit rates count the
last token of a prompt as reusable; TensorRT-LLM never looks it up. Both rules are printed.
"""

import time
from dataclasses import replace

from charter_engine.kvcache.predict.curve import HitCurve, hit_curve
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.lines import read_workload
from charter_engine.kvcache.workload.path_tree import build_paths
from tests.benchmarks.bench_predict import TRACES, conversation_trace

REFERENCE = {
    "conversation": {
        10**9: 0.3664,
        100_000: 0.3637,
        50_000: 0.3546,
        30_000: 0.3257,
        10_000: 0.2116,
        1_000: 0.0445,
    },
    "synthetic": {10**9: 0.6396, 50_000: 0.6396, 30_000: 0.6242, 10_000: 0.4239, 1_000: 0.0841},
}
"""Block hit rates by capacity in 512-token blocks, computed independently; vLLM's KVCacheManager
gives the same."""


def main() -> None:
    """Print the time at several block sizes, then the hit rates beside the reference."""
    workload = conversation_trace()
    paths = build_paths(workload)
    for size in (8, 32, 128, 512):
        start = time.process_time()
        curve = hit_curve(paths, workload.input_length, size)
        taken = time.process_time() - start
        rate = curve.blocks / taken / 1e6
        print(
            f"{size} tokens per block: {taken:.3f} s, {rate:,.0f} M references/s, "
            "all capacities (measured)"
        )
    for name, published in REFERENCE.items():
        path = TRACES / f"mooncake_{name}_trace.jsonl"
        if path.exists():
            beside_reference(name, read_workload(path), published)
        else:
            print(f"{path.name} does not lie beside the repository: no comparison")


def beside_reference(name: str, workload: Workload, published: dict[int, float]) -> None:
    """One line a capacity: published, with the last token reusable, and as TensorRT-LLM has it."""
    whole = curve_of(replace(workload, input_length=workload.input_length + 1), workload)
    own = curve_of(workload, workload)
    for capacity, rate in published.items():
        size = "unlimited" if capacity == 10**9 else f"{capacity:,}"
        print(
            f"{name}, {size} blocks: published {rate:.4f}, "
            f"last token reusable {whole.hit_rate(capacity):.4f}, "
            f"never {own.hit_rate(capacity):.4f}"
        )


def curve_of(workload: Workload, counted: Workload) -> HitCurve:
    """The curve of a workload's paths over the blocks of another."""
    return hit_curve(build_paths(workload), counted.input_length, 512)


if __name__ == "__main__":
    main()
