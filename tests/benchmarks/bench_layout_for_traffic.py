"""What unchanged programs gain where a plan's layouts apply to traffic, and what laying out costs.

The example agents send their prompts to `generate` of `charter_bls`, each way to a Triton of its
own: as written, and laid out for them. Beside them stands Charter's own run under the same plan.
Bars: within a point of the own run's token hit rate, and 98 % of the bound.
"""

import asyncio
import dataclasses
import json
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from charter_engine.analysis.bound import reuse_bound
from charter_engine.api import planning
from charter_engine.api.agents import OpenedAgent, open_agent
from charter_engine.api.live_runs import RunSettings, agent_run
from charter_engine.api.live_triton import LiveTriton
from charter_engine.api.running import items_to_run
from charter_engine.bls.laying import LayingOut
from charter_engine.bls.matching import NodeIndex
from charter_engine.bls.plan import ServedPlan, parse_plan
from charter_engine.bls.prompt import Arrival, Preparer, Prompt
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Apply, Plan
from charter_engine.contracts.planning import PlanRequest
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.traffic.hashes import hashes_of
from charter_engine.triton.bls_plan import compile_bls_plan
from charter_engine.triton.release import engine_parameters
from charter_engine.triton.request import BLS_MODEL
from charter_engine.triton.tap import TapReader
from examples.agents.delta_processor import DeltaProcessor
from examples.agents.document_processor import DocumentProcessor

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
DOCUMENTS = 6
MAX_TOKENS = 60
ROUNDS = 300


Way = Callable[[LiveTriton, int], Awaitable[None]]
"""Sends an agent's requests; is given Triton's HTTP port."""


class Generate:
    """Triton's own `generate` endpoint, and no word of Charter."""

    def __init__(self, url: str) -> None:
        self._url = url

    def generate(self, prompt: str, max_tokens: int) -> str:
        body = json.dumps({"text_input": prompt, "max_tokens": min(max_tokens, MAX_TOKENS)})
        with urllib.request.urlopen(self._url, body.encode(), timeout=120) as answer:
            return str(json.load(answer)["text_output"])


def documents(client: Generate, inputs: Sequence[dict[str, Any]]) -> None:
    for values in inputs:
        DocumentProcessor(client).process(**values)


def rows(client: Generate, inputs: Sequence[dict[str, Any]]) -> None:
    for values in inputs:
        DeltaProcessor(client).batch_process(**values)


@dataclass(frozen=True)
class Figures:
    """What the tap told of a way, and how much of its prompts could be reused at all."""

    name: str
    records: list[TrafficRecord]
    bound: float

    @property
    def hit_rate(self) -> float:
        return sum(item.reused_tokens or 0 for item in self.records) / self.prompt_tokens

    @property
    def prompt_tokens(self) -> int:
        return sum(item.prompt_tokens or 0 for item in self.records)

    def show(self) -> None:
        computed = round(self.prompt_tokens * (1 - self.hit_rate))
        ttft = statistics.fmean(item.ttft_ms or 0.0 for item in self.records)
        total = statistics.fmean(item.total_ms or 0.0 for item in self.records)
        laid_out = sum(item.laid_out for item in self.records)
        print(
            f"  {self.name:24} hit rate {self.hit_rate:6.2%}, {self.hit_rate / self.bound:6.1%} of "
            f"its bound, {computed:,} tokens computed, TTFT {ttft:.0f} ms, whole latency "
            f"{total:.0f} ms, {laid_out} of {len(self.records)} laid out"
        )


def capped(calls: Sequence[Call]) -> tuple[Call, ...]:
    return tuple(
        replace(call, parameters={**call.parameters, "max_tokens": MAX_TOKENS}) for call in calls
    )


async def measured(name: str, agent: OpenedAgent, plan: Plan, run: Way) -> Figures:
    """One way, on a Triton of its own on which the plan is live."""
    directory = Path(tempfile.mkdtemp())
    repository = write_embedded_repository(
        directory / "models",
        tokens_per_block=plan.server.tokens_per_block or DEFAULT_TOKENS_PER_BLOCK,
        parameters=engine_parameters(plan.server, None),
    )
    server = EmbeddedTriton(repository)
    await server.start()
    state = server.state
    options = TritonOptions(
        url=state.grpc_url,
        repository=repository,
        metrics_url=state.metrics_url,
        headers=state.headers,
    )
    deployment = LiveTriton(options)
    try:
        await deployment.start()
        await deployment.probe()
        await deployment.deployer.push(plan, agent.compiled.calls)
        reader = TapReader(deployment.client)
        await reader.drain()
        await run(deployment, state.http)
        await asyncio.sleep(0.5)
        records = list((await reader.drain()).records)
        requests = [await request_of(reader, record) for record in records]
    finally:
        await deployment.close()
        await server.stop()
        shutil.rmtree(directory)
    return Figures(name, records, reuse_bound(requests).rate)


async def request_of(reader: TapReader, record: TrafficRecord) -> WorkloadRequest:
    prompt = await reader.prompt(int(hashes_of(record)[-1]))
    assert prompt is not None
    ids = tuple(prompt.token_ids.tolist())
    return WorkloadRequest(
        timestamp=record.at,
        input_length=prompt.prompt_tokens,
        output_length=len(ids) - prompt.prompt_tokens,
        token_ids=ids[: prompt.prompt_tokens],
        output_ids=ids[prompt.prompt_tokens :],
    )


async def compare(title: str, source: Path, program: Callable[..., None]) -> Plan:
    agent = open_agent(source)
    inputs = agent.inputs[:DOCUMENTS]
    plan = planning.plan(PlanRequest(agent=str(source))).derivation.plan

    async def own_run(deployment: LiveTriton, _: int) -> None:
        calls = capped(agent.compiled.calls)
        short = OpenedAgent(agent.path, replace(agent.compiled, calls=calls), inputs=inputs)
        items = items_to_run(short, inputs, plan)
        settings = RunSettings(run="own", variant="plan", concurrency=1)
        await agent_run(short, plan, items, deployment, settings).execute()

    async def unchanged(_: LiveTriton, port: int) -> None:
        client = Generate(f"http://127.0.0.1:{port}/v2/models/{BLS_MODEL}/generate")
        await asyncio.to_thread(program, client, [dict(values) for values in inputs])

    print(f"{title}: {len(inputs)} inputs, {MAX_TOKENS} tokens out at most")
    ways = [
        await measured("own run", agent, plan, own_run),
        await measured("program as written", agent, applied(plan, "own-runs"), unchanged),
        await measured("program laid out", agent, applied(plan, "traffic"), unchanged),
    ]
    for way in ways:
        way.show()
    apart = (ways[2].hit_rate - ways[0].hit_rate) * 100
    print(f"  laid out against own run: {apart:+.2f} points (bar: within one, 98 % of the bound)")
    return plan


def applied(plan: Plan, to: Apply) -> Plan:
    return replace(plan, nodes={name: replace(node, apply=to) for name, node in plan.nodes.items()})


class Answering:
    """Keeps the prompts of an agent, and answers with words of its own."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.answers: list[str] = []

    def generate(self, prompt: str, max_tokens: int) -> str:
        self.prompts.append(prompt)
        self.answers.append(f"Answer {len(self.prompts)}. " + "A name and a date. " * 20)
        return self.answers[-1]


def show_cost(plan: Plan, source: Path) -> None:
    """What preparing a conversation's prompts takes, and what of it is laying out."""
    agent = open_agent(source)
    client = Answering()
    DocumentProcessor(client).process(**dict(agent.inputs[0]))
    length = round(statistics.fmean(map(len, client.prompts)))
    print(f"a prompt of {length:,} characters on average, on this machine:")
    for to in ("own-runs", "traffic"):
        text = compile_bls_plan(applied(plan, to), agent.compiled.calls, 1)
        preparing, laying, remembering = costs(parse_plan(text), client)
        print(
            f"  {to:9} prepared with its tokens in {preparing:.2f} ms; laid out in "
            f"{laying * 1000:.0f} µs, its answer remembered in {remembering * 1000:.0f} µs"
        )


def costs(plan: ServedPlan, client: Answering) -> tuple[float, float, float]:
    """Milliseconds a request, the median: preparing it, laying it out, remembering its answer."""
    preparer = Preparer(plan, Tokenizer(tokenizer_path()))
    index = NodeIndex(plan.nodes.values())
    output = list(range(100, 180))
    spent: list[tuple[float, float, float]] = []
    for _ in range(ROUNDS // len(client.prompts)):
        laying_out = LayingOut(plan)
        for text, answer in zip(client.prompts, client.answers, strict=True):
            match = index.find(text)
            assert match is not None
            began = time.perf_counter()
            laying = laying_out.of(match, text, "")
            laid = time.perf_counter()
            prepared = preparer.prepare(Arrival(text=text))
            ready = time.perf_counter()
            ids = np.asarray(prepared.token_ids, np.int32)
            ends = prepared.token_ends
            told = time.perf_counter()
            laying_out.answered(match.node.name, "", laying, ids, ends, output, answer)
            done = time.perf_counter()
            preparer.answered(replace_tokens(prepared, ids), "", output, answer)
            spent.append((ready - laid, laid - began, done - told))
    columns = zip(*spent, strict=True)
    preparing, laying_s, remembering = (statistics.median(times) * 1000 for times in columns)
    return preparing, laying_s, remembering


def replace_tokens(prompt: Prompt, ids: Any) -> Prompt:
    return dataclasses.replace(prompt, token_ids=ids)


def main() -> int:
    source = EXAMPLES / "document_processor.py"
    plan = asyncio.run(compare("documents", source, documents))
    asyncio.run(compare("rows", EXAMPLES / "delta_processor.py", rows))
    show_cost(plan, source)
    return 0


if __name__ == "__main__":
    sys.exit(main())
