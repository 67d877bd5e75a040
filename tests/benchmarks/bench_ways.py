"""The unchanged example agents by each way to `charter_bls`, beside Charter's own run.

Bars: every request attributed; with layouts that apply to traffic the token hit rate of Charter's
own run, within a point, and 98 % of what could be reused; whole latency never above as written.
Each way has an embedded Triton of its own, so that no cache is handed on, and sends one request
after the other. All figures are what the tap of `charter_bls` tells.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from charter_engine.analysis.bound import ReuseBound, reuse_bound
from charter_engine.api import planning
from charter_engine.api.agents import OpenedAgent, open_agent
from charter_engine.api.gateway import listening
from charter_engine.api.live_runs import RunSettings, agent_run
from charter_engine.api.live_triton import LiveTriton
from charter_engine.api.program_runs import run_program
from charter_engine.api.running import items_to_run
from charter_engine.client import BASE_URL, TRITON
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK
from charter_engine.contracts.gateway import GatewayRequest
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.planning import PlanRequest
from charter_engine.contracts.running import ProgramRequest
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.traffic.hashes import hashes_of
from charter_engine.triton.release import engine_parameters
from charter_engine.triton.tap import TapReader

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
SETTLED_SECONDS = 0.3
"""A record is written just after its answer is sent."""


@dataclass(frozen=True)
class Scene:
    """A deployment under a plan, and the agent that is run there."""

    agent: OpenedAgent
    plan: Plan
    deployment: LiveTriton
    http: str

    @property
    def command(self) -> tuple[str, ...]:
        return (sys.executable, str(self.agent.path))


async def own_run(scene: Scene) -> None:
    run = agent_run(
        scene.agent,
        scene.plan,
        items_to_run(scene.agent, scene.agent.inputs, scene.plan),
        scene.deployment,
        RunSettings(run="own", concurrency=1),
    )
    report = await run.execute()
    assert report.state == "done", report.errors


async def program_run(scene: Scene) -> None:
    request = ProgramRequest(
        agent=str(scene.agent.path), command=("sh", "-c", f"{' '.join(scene.command)} >/dev/null")
    )
    report = await run_program(request, scene.deployment.found)
    assert report.state == "done", report.errors
    assert all(record.node for record in report.requests)


async def through_a_gateway(scene: Scene) -> None:
    request = GatewayRequest(listen="127.0.0.1:0")
    async with listening(request, [scene.deployment.found]) as gateway:
        await program(scene, BASE_URL, f"http://{gateway.address}")


async def by_the_generate_endpoint(scene: Scene) -> None:
    await program(scene, TRITON, scene.http)


async def program(scene: Scene, variable: str, address: str) -> None:
    """The agent's own program, told where to by its environment."""
    process = await asyncio.create_subprocess_exec(
        *scene.command,
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, variable: address},
    )
    assert await process.wait() == 0


WAYS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "own run": own_run,
    "program run": program_run,
    "gateway": through_a_gateway,
    "generate": by_the_generate_endpoint,
}


@asynccontextmanager
async def served(agent: OpenedAgent, plan: Plan, directory: Path) -> AsyncIterator[Scene]:
    """A fresh embedded Triton with the plan pushed."""
    repository = write_embedded_repository(
        directory / "models",
        tokens_per_block=plan.server.tokens_per_block or DEFAULT_TOKENS_PER_BLOCK,
        parameters=engine_parameters(plan.server, None),
    )
    async with EmbeddedTriton(repository) as server:
        state = server.state
        options = TritonOptions(
            url=state.grpc_url,
            headers=state.headers,
            repository=repository,
            metrics_url=state.metrics_url,
        )
        deployment = LiveTriton(options)
        try:
            await deployment.start()
            await deployment.probe()
            await deployment.deployer.push(plan, agent.compiled.calls)
            yield Scene(agent, plan, deployment, f"127.0.0.1:{state.http}")
        finally:
            await deployment.close()


@dataclass(frozen=True)
class Passed:
    """The requests of one way, as the tap tells of them, and what of their prompts could be
    reused."""

    records: Sequence[TrafficRecord]
    bound: ReuseBound


async def measured(
    way: Callable[[Scene], Awaitable[None]], agent: OpenedAgent, plan: Plan
) -> Passed:
    with tempfile.TemporaryDirectory() as directory:
        async with served(agent, plan, Path(directory)) as scene:
            await asyncio.sleep(SETTLED_SECONDS)
            reader = TapReader(scene.deployment.client)
            await reader.drain()
            await way(scene)
            await asyncio.sleep(SETTLED_SECONDS)
            records = (await reader.drain()).records
            return Passed(records, reuse_bound([await sent(reader, one) for one in records]))


async def sent(reader: TapReader, record: TrafficRecord) -> WorkloadRequest:
    """The very tokens of a request and its answer."""
    prompt = await reader.prompt(int(hashes_of(record)[-1]))
    assert prompt is not None and record.prompt_tokens is not None
    return WorkloadRequest(
        timestamp=record.at * 1000,
        input_length=record.prompt_tokens,
        output_length=record.output_tokens or 0,
        token_ids=tuple(prompt.token_ids[: record.prompt_tokens]),
        output_ids=tuple(prompt.token_ids[record.prompt_tokens :]),
        node=record.node,
    )


def plans_of(agent: OpenedAgent) -> dict[str, Plan]:
    """As written, and as planned for traffic too, on the same server settings."""
    plan = planning.plan(PlanRequest(agent=str(agent.path))).derivation.plan
    applied = {name: replace(node, apply="traffic") for name, node in plan.nodes.items()}
    written = {name: NodePlan() for name in plan.nodes}
    return {
        "as written": replace(plan, nodes=written),
        "as planned": replace(plan, nodes=applied),
    }


def show(layout: str, way: str, passed: Passed) -> None:
    records = passed.records
    prompt = sum(record.prompt_tokens or 0 for record in records)
    reused = sum(record.reused_tokens or 0 for record in records)
    attributed = sum(bool(record.node) for record in records)
    laid_out = sum(record.laid_out for record in records)
    rate, bound = reused / prompt, passed.bound.rate
    ttft = statistics.fmean(record.ttft_ms or 0 for record in records)
    total = statistics.fmean(record.total_ms or 0 for record in records)
    print(
        f"  {layout}, {way:11}: {attributed}/{len(records)} attributed, {laid_out:2} laid out, "
        f"hit rate {rate:6.1%} ({rate / bound if bound else 1:6.1%} of the bound), "
        f"{prompt - reused:6,} of {prompt:6,} tokens computed, TTFT {ttft:6.1f} ms, "
        f"whole {total:7.1f} ms",
        flush=True,
    )


def limited(name: str, count: int, directory: Path) -> Path:
    """A copy of an example agent with the first of its inputs, whose files are read."""
    agent = open_agent(EXAMPLES / f"{name}.py")
    path = directory / f"{name}.py"
    path.write_text(agent.path.read_text(encoding="utf-8"), encoding="utf-8")
    lines = [json.dumps(inputs) for inputs in agent.inputs[:count]]
    (directory / f"{name}.inputs.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return path


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--documents", type=int, default=4, help="so many of the twelve (default: %(default)s)"
    )
    count = parser.parse_args(arguments).documents
    with tempfile.TemporaryDirectory() as directory:
        for name in ("document_processor", "delta_processor"):
            agent = open_agent(limited(name, count, Path(directory)))
            print(name)
            for layout, plan in plans_of(agent).items():
                for way, take in WAYS.items():
                    show(layout, way, asyncio.run(measured(take, agent, plan)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
