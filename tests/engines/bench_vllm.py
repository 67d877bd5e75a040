"""vLLM as witness: the predictor against its own counters, and what a plan is worth on it.

Needs `make engines`. The same weights are served as the embedded engine's.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from charter_engine.api.benching import opened_benchmark
from charter_engine.contracts.benching import BatchCell, BenchRequest, Percentiles, VariantReport
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.server import ProfileRequest
from charter_engine.embedded.engine.spec import TOKENIZER_FILE
from charter_engine.executor.bench.measure import measure, measure_batches, warm_up
from charter_engine.executor.bench.summary import summarise
from charter_engine.executor.bench.variants import BASELINE, PLAN, SOURCE, variants_of
from charter_engine.executor.bench.work import iterations_of
from charter_engine.servers.finding import server_at
from tests.engines.conversing import Compared, converse
from tests.engines.vllm_process import is_installed, vllm

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
AGENTS = ("document_processor.py", "delta_processor.py")
POOLS = (1000, 40, 56, 72, 96, 128)
"""Blocks: one pool that holds everything, and scarce ones."""
REQUESTS = 72
OUTPUTS = (0, 60)
"""Tokens that a call may generate at most; 0: as many as the agent asks for."""
AT_ONCE, BATCHES = 4, 2
OTHER_SEED = 1_000_000
"""Far from the seeds of the rounds, so that no batch repeats their inputs."""
WAYS = {BASELINE: "without caching", SOURCE: "vLLM as it comes", PLAN: "the plan"}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="interleaved rounds of each agent")
    parser.add_argument("--pools", type=int, nargs="*", default=POOLS, help="sizes in blocks")
    parser.add_argument("--engine", type=Path, help="a directory of `charter-engine triton build`")
    parser.add_argument("--outputs", type=int, nargs="*", default=OUTPUTS, help="0: full")
    parser.add_argument("--no-agents", action="store_true", help="the predictor alone")
    options = parser.parse_args(arguments)
    if not is_installed():
        print("SKIPPED: `make engines` sets vLLM up first")
        return 0
    inexact = [blocks for blocks in options.pools if not witness(blocks)]
    if not options.no_agents:
        bench_agents(options.rounds, options.outputs, options.engine)
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


def bench_agents(rounds: int, most_tokens: Sequence[int], engine: Path | None) -> None:
    """The example agents with vLLM as it comes, without caching, and under Charter's plan."""
    print(f"load of this machine at the start: {os.getloadavg()[0]:.1f}")
    with (
        tempfile.TemporaryDirectory() as directory,
        vllm(Path(directory), blocks=2000, engine=engine) as url,
    ):
        for agent in AGENTS:
            for longest in most_tokens:
                outputs = f"at most {longest} tokens out" if longest else "full outputs"
                print(f"{agent}, {outputs}, medians of {rounds} interleaved rounds:", flush=True)
                asyncio.run(_bench_agent(url, agent, longest or None, rounds, engine))


async def _bench_agent(
    url: str, agent: str, longest: int | None, rounds: int, engine: Path | None
) -> None:
    request = BenchRequest(
        agent=str(EXAMPLES / agent),
        max_tokens=longest,
        server=ProfileRequest(address=url),
        tokenizer=str(engine / TOKENIZER_FILE) if engine else "",
    )
    benchmark = await asyncio.to_thread(opened_benchmark, request, TritonOptions())
    benchmark.variants = lambda plan: variants_of(plan)[: len(WAYS)]
    compiled, inputs = benchmark.compiled, benchmark.inputs
    async with benchmark.servers() as (_, servers):
        await warm_up(servers)
        await measure(servers, compiled, iterations_of(inputs, rounds, unseen=True), _silent)
        show({one.variant.name: summarise(one.observed()) for one in servers})
        sets = 1 if benchmark.is_batch else AT_ONCE
        several = iterations_of(inputs, BATCHES * sets, unseen=True, seed=OTHER_SEED)
        batches = [
            [values for one in several[start : start + sets] for values in one]
            for start in range(0, len(several), sets)
        ]
        passes = [batch for batch in batches for _ in servers]  # salts keep the variants apart
        cells = await measure_batches(servers, compiled, passes, _silent, at_once=(AT_ONCE,))
        show_together({one.variant: one for one in cells})


def _silent(_: str) -> None:
    """Progress is not told."""


def show(reports: Mapping[str, VariantReport]) -> None:
    """Each way, and the plan against the others, one request after another."""
    for name, words in WAYS.items():
        one = reports[name]
        rate = one.predicted_token_hit_rate
        predicted = "–" if rate is None else f"{rate:.1%}"
        ttft, whole = _median(one.ttft_ms), _median(one.latency_ms)
        print(
            f"  {words}: {one.requests} requests, hit rate {one.token_hit_rate or 0:.1%} "
            f"(predicted {predicted}, bound {one.bound or 0:.1%}), TTFT {ttft:.0f} ms, "
            f"whole {whole:.0f} ms"
        )
    plan = reports[PLAN]
    for name in (SOURCE, BASELINE):
        other = reports[name]
        ttft = _median(plan.ttft_ms) / _median(other.ttft_ms)
        whole = _mean(plan.latency_ms) / _mean(other.latency_ms)
        prefill = _mean(other.ttft_ms) / _mean(other.latency_ms)
        print(
            f"  the plan against {WAYS[name]}: TTFT {ttft:.0%}, whole latency (mean) {whole:.0%}; "
            f"without any prefill it would be {1 - prefill:.0%}"
        )


def show_together(cells: Mapping[str, BatchCell]) -> None:
    """Requests a second of each way, several items at once."""
    for name, words in WAYS.items():
        one = cells[name]
        print(
            f"  {AT_ONCE} at once, {words}: {one.requests_per_s:.2f} requests/s, TTFT "
            f"{one.prefill_ms or 0:.0f} ms, hit rate {one.token_hit_rate or 0:.1%}"
        )
    gain = cells[PLAN].requests_per_s / cells[SOURCE].requests_per_s
    print(
        f"  {AT_ONCE} at once, the plan against {WAYS[SOURCE]}: throughput {gain:.2f}", flush=True
    )


def _median(figures: Percentiles | None) -> float:
    assert figures is not None, "every answer is streamed"
    return figures.p50


def _mean(figures: Percentiles | None) -> float:
    assert figures is not None, "every answer is streamed"
    return figures.mean


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
