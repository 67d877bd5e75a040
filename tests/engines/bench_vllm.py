"""vLLM as witness: the predictor against its own counters, and what a plan is worth on it.

Needs `make engines`. The same weights are served as the embedded engine's.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from charter_engine.api import benching
from charter_engine.contracts.benching import BenchReport, BenchRequest, Percentiles, VariantReport
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.server import ProfileRequest
from charter_engine.servers.finding import server_at
from tests.engines.conversing import Compared, converse
from tests.engines.vllm_process import is_installed, vllm

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
AGENTS = ("document_processor.py", "delta_processor.py")
POOLS = (1000, 40, 56, 72, 96, 128)
"""Blocks: one pool that holds everything, and scarce ones."""
REQUESTS = 72
SHORT_TOKENS = 60


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="interleaved rounds of each agent")
    parser.add_argument("--pools", type=int, nargs="*", default=POOLS, help="sizes in blocks")
    parser.add_argument("--no-agents", action="store_true", help="the predictor alone")
    options = parser.parse_args(arguments)
    if not is_installed():
        print("SKIPPED: `make engines` sets vLLM up first")
        return 0
    inexact = [blocks for blocks in options.pools if not witness(blocks)]
    if not options.no_agents:
        bench_agents(options.rounds)
    return 1 if inexact else 0


def witness(blocks: int) -> bool:
    """Whether every request reused what was predicted, on a pool of this size."""
    with tempfile.TemporaryDirectory() as directory, vllm(Path(directory), blocks=blocks) as url:
        compared = asyncio.run(_compared(url))
    equal = sum(one.reused == one.predicted for one in compared)
    reused = sum(one.reused for one in compared)
    share = reused / sum(one.request.input_length for one in compared)
    print(
        f"pool of {blocks} blocks: {equal} of {len(compared)} requests exactly as predicted; "
        f"{share:.1%} of prompt tokens reused",
        flush=True,
    )
    return equal == len(compared)


async def _compared(url: str) -> list[Compared]:
    async with server_at(ProfileRequest(address=url), TritonOptions()) as server:
        return await converse(server, await server.profile(), REQUESTS, seed=7)


def bench_agents(rounds: int) -> None:
    """The example agents with vLLM as it comes, without caching, and under Charter's plan."""
    with tempfile.TemporaryDirectory() as directory, vllm(Path(directory), blocks=2000) as url:
        for agent in AGENTS:
            for longest in (None, SHORT_TOKENS):
                request = BenchRequest(
                    agent=str(EXAMPLES / agent),
                    iterations=rounds,
                    passes=1,
                    unseen=True,
                    max_tokens=longest,
                    server=ProfileRequest(address=url),
                )
                report = asyncio.run(benching.bench(request, TritonOptions()))
                show(agent, "full outputs" if longest is None else f"{longest} tokens out", report)


def show(agent: str, outputs: str, report: BenchReport) -> None:
    """The plan against vLLM as it comes and without caching, by first token and whole request."""
    source, plan, off = (report.variant(name) for name in ("source", "plan", "baseline"))
    print(f"{agent}, {outputs}:")
    for variant in (off, source, plan):
        print(f"  {variant.name}: {_figures(variant)}")
    for name, other in (("as it comes", source), ("without caching", off)):
        print(f"  plan against vLLM {name}: {_against(plan, other)}")
    for cell in report.batch.cells if report.batch else ():
        print(
            f"  {cell.variant}, {cell.concurrency} at once: {cell.requests_per_s:.2f} requests/s, "
            f"hit rate {cell.token_hit_rate or 0:.1%}"
        )


def _figures(one: VariantReport) -> str:
    told = one.predicted_token_hit_rate
    ttft, whole = _mean(one.ttft_ms), _mean(one.latency_ms)
    return (
        f"{one.requests} requests, hit rate {one.token_hit_rate or 0:.1%} (predicted "
        f"{'–' if told is None else f'{told:.1%}'}, bound {one.bound or 0:.1%}), TTFT {ttft:.0f} "
        f"ms, whole {whole:.0f} ms, prefill's share of it {ttft / whole:.0%}"
    )


def _against(one: VariantReport, other: VariantReport) -> str:
    ttft = _mean(one.ttft_ms) / _mean(other.ttft_ms) - 1
    whole = _mean(one.latency_ms) / _mean(other.latency_ms) - 1
    rate = one.requests_per_s / other.requests_per_s - 1
    return f"TTFT {ttft:+.0%}, whole latency {whole:+.0%}, throughput {rate:+.0%}"


def _mean(figures: Percentiles | None) -> float:
    assert figures is not None, "every answer is streamed"
    return figures.mean


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
