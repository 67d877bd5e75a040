"""Retention policies where memory is scarce: three compiled agents and background traffic on one
embedded Triton.

Sessions of the agents overlap; between the calls of one session a tool or a person takes its time.
The background is prompts that come once and never again. The pool is a quarter of what default
priorities need to lose no reuse (99 % of it, predicted on the same timetable). Policies are derived
on other sessions with other reuse times of the same kind. Each policy runs on a server of its own,
on the same timetable, one request at a time and none before its time; hits are the server's own
counters.

`--sessions N` (of each agent) and `--wait SECONDS` (median) lengthen it; the defaults are for a
quick look.
"""

import argparse
import asyncio
import itertools
import math
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec

from charter_engine.analysis.agent_workload import PlacedRequest, generate
from charter_engine.analysis.compile import compile_source
from charter_engine.analysis.layout import candidate_layouts
from charter_engine.api.bench_servers import embedded_servers
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.benching import VariantReport
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan, Plan, Policy
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.executor.bench.measure import MeasuredServer, warm_up
from charter_engine.executor.bench.novel_inputs import unseen_inputs
from charter_engine.executor.bench.summary import summarise
from charter_engine.executor.bench.variants import Variant
from charter_engine.executor.bench.work import capped
from charter_engine.executor.inputs import default_inputs_path, read_inputs
from charter_engine.executor.run import retention_by_segments
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.plan.retention.agents import retain
from charter_engine.prompts.assembly import (
    CallInstance,
    InstanceKey,
    Piece,
    Prompt,
    assemble,
    expand,
    runnable,
)
from charter_engine.prompts.tokens import Encode
from charter_engine.triton.parts import parts_of
from charter_engine.triton.request import GenerateRequest

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
SUPPORT = '''
class Support:
    RULES = """You answer tickets of a software company. Be exact and kind. Never promise a date.
Name the product and its version. Ask for logs only if they would decide something. Quote the ticket
where you rely on it."""

    def answer(self, ticket):
        triage = self.client.generate(
            f"{self.RULES}\\n\\nTriage the ticket.\\n\\nTicket:\\n{ticket}", max_tokens=60)
        draft = self.client.generate(
            f"{self.RULES}\\n\\nDraft an answer.\\n\\nTriage:\\n{triage}\\n\\nTicket:\\n{ticket}",
            max_tokens=120)
        return self.client.generate(
            f"{self.RULES}\\n\\nPolish the answer.\\n\\nDraft:\\n{draft}\\n\\nTicket:\\n{ticket}",
            max_tokens=120)
'''
POLICIES: tuple[Policy, ...] = ("default", "static", "steps", "next-use")
TOKENS_PER_BLOCK = 32
MAX_TOKENS = 24
SPREAD = 0.8
"""Sigma of the lognormal reuse times."""
DOCUMENTS = 9
"""The shorter ones of the bundled documents."""
ROWS_A_SESSION = 3
BACKGROUND_TOKENS = (200, 900)
BACKGROUND_SHARE = 0.5
"""Background requests for each request of an agent."""
NOTHING_LOST = 0.99


@dataclass(frozen=True)
class Agent:
    """A compiled agent with the inputs its sessions vary, and its layout."""

    name: str
    calls: tuple[Call, ...]
    inputs: tuple[Mapping[str, object], ...]
    nodes: Mapping[str, NodePlan]


@dataclass(frozen=True)
class Session:
    """One run of an agent: when it starts, and how long before each further call (seconds)."""

    agent: Agent
    inputs: Mapping[str, object]
    start: float
    reuse_times: tuple[float, ...]

    @property
    def instances(self) -> tuple[CallInstance, ...]:
        return expand(self.agent.calls, self.inputs)


@dataclass(frozen=True)
class Timetable:
    sessions: tuple[Session, ...]
    background: tuple[tuple[float, str], ...]


@cache
def agents() -> tuple[Agent, ...]:
    found = []
    documents: tuple[Mapping[str, object], ...] = ()
    for name in ("document_processor", "delta_processor"):
        path = EXAMPLES / f"{name}.py"
        inputs = read_inputs(default_inputs_path(path) or path)
        if name == "document_processor":
            inputs = documents = inputs[:DOCUMENTS]
        else:
            rows = inputs[0]["companies"]
            inputs = ({"companies": rows[:ROWS_A_SESSION]},)
        found.append(agent(path.stem, path.read_text(), inputs))
    tickets = tuple({"ticket": str(values["document"])} for values in documents)
    return (*found, agent("support", SUPPORT, tickets))


def agent(name: str, source: str, inputs: Sequence[Mapping[str, object]]) -> Agent:
    calls = runnable(capped(compile_source(f"{name}.py", source), MAX_TOKENS).calls)
    layouts = candidate_layouts(calls)
    return Agent(name, calls, tuple(inputs), layouts[list(layouts)[-1]])


def timetable(seed: int, sessions: int, wait: float) -> Timetable:
    """Sessions start evenly spread by chance over as long as three reuse times."""
    generator = random.Random(seed)
    made = []
    for one in agents():
        for number in range(sessions):
            inputs = unseen_inputs(one.inputs[number % len(one.inputs)], seed * 10_000 + number)
            count = len(expand(one.calls, inputs))
            reuse_times = tuple(
                generator.lognormvariate(math.log(wait), SPREAD) for _ in range(count - 1)
            )
            made.append(Session(one, inputs, generator.uniform(0, 3 * wait), (0.0, *reuse_times)))
    end = max(session.start + sum(session.reuse_times) for session in made)
    count = round(BACKGROUND_SHARE * sum(len(session.reuse_times) for session in made))
    words = str(made[0].agent.inputs[0]["document"]).split()
    background = tuple(
        (
            generator.uniform(0, end),
            " ".join(generator.choices(words, k=generator.randint(*BACKGROUND_TOKENS) // 2)),
        )
        for _ in range(count)
    )
    return Timetable(tuple(made), background)


def placed(table: Timetable, encode: Encode) -> list[PlacedRequest]:
    """The timetable's agents as requests, each answered at once."""
    found = []
    for one in {session.agent.name: session.agent for session in table.sessions}.values():
        own = [session for session in table.sessions if session.agent.name == one.name]
        made = generate(
            one.calls,
            [session.inputs for session in own],
            Plan(agent=one.name, nodes=dict(one.nodes)),
            encode,
        )
        for number, session in enumerate(own):
            run = f"run-{number}"
            times = itertools.accumulate(session.reuse_times, initial=session.start)
            for item, at in zip(
                (item for item in made if item.request.session == run), list(times)[1:], strict=True
            ):
                name = f"{one.name}-{number}"
                request = msgspec.structs.replace(item.request, timestamp=at * 1000, session=name)
                found.append(replace(item, request=request))
    return sorted(found, key=lambda item: item.request.timestamp)


def requests_of(table: Timetable, encode: Encode) -> list[WorkloadRequest]:
    """All requests of a timetable, background included, in order of time."""
    background = []
    for at, text in table.background:
        ids = tuple(encode(text, ())[0])
        background.append(
            WorkloadRequest(
                timestamp=at * 1000, input_length=len(ids), output_length=0, token_ids=ids
            )
        )
    everything = [*(item.request for item in placed(table, encode)), *background]
    return sorted(everything, key=lambda request: request.timestamp)


def scarce_pool(table: Timetable, encode: Encode) -> int:
    """Blocks of a pool a quarter as large as the least in which default priorities lose nothing."""
    predictor = Predictor(requests_of(table, encode))

    def reused(blocks: int) -> int:
        return predictor.predict(
            PoolSettings(blocks, TOKENS_PER_BLOCK), bracket=False
        ).reused_blocks

    most = 1 << 17
    everything = reused(most)
    low, high = 1, most
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if reused(middle) >= NOTHING_LOST * everything else (middle, high)
    return high // 4


def variant(policy: Policy, past: Sequence[PlacedRequest]) -> Variant:
    """All agents' nodes in one plan, with what the policy asks for after seeing other sessions."""
    every = agents()
    nodes = {node: plan for one in every for node, plan in one.nodes.items()}
    retained = retain(policy, [call for one in every for call in one.calls], past)
    nodes = {
        node: msgspec.structs.replace(
            plan,
            retention=retained[node].retention,
            decode_priority=retained[node].decode_priority,
            decode_duration_ms=retained[node].decode_duration_ms,
        )
        if node in retained
        else plan
        for node, plan in nodes.items()
    }
    return Variant(policy, policy, Plan(agent="three agents", policy=policy, nodes=nodes))


async def drive(server: MeasuredServer, table: Timetable) -> None:
    """Send the timetable in its order, nothing before its time and one request after another: a
    server that is too slow for it falls behind, but meets every policy with the same order."""
    began = time.monotonic()
    states: list[tuple[dict[InstanceKey, Piece], dict[InstanceKey, Prompt]]] = [
        ({}, {}) for _ in table.sessions
    ]
    for at, number, step in steps_of(table):
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        if number < 0:
            prompt: Prompt = (Piece(table.background[step][1], "static", "", 0),)
            await server.recorder.generate(
                GenerateRequest(request_id=f"b{step}", parts=parts_of(prompt), max_tokens=1)
            )
            continue
        outputs, prompts = states[number]
        instance = table.sessions[number].instances[step]
        plan = server.variant.plan.nodes[instance.call.id]
        prompt = prompts[instance.key] = assemble(instance, plan, outputs, prompts)
        generation = await server.recorder.generate(
            GenerateRequest(
                request_id=f"{number}-{step}",
                node=instance.call.id,
                parts=parts_of(prompt),
                max_tokens=MAX_TOKENS,
                retention=retention_by_segments(plan),
            )
        )
        outputs[instance.key] = Piece(
            generation.text, "upstream", instance.call.id, -1, generation.output_ids
        )
    server.elapsed_ms = (time.monotonic() - began) * 1000
    server.exchanges = list(server.recorder.exchanges)


def steps_of(table: Timetable) -> list[tuple[float, int, int]]:
    """When, which session, and its how manieth call; session -1 is the background."""
    calls = [
        (at, number, step)
        for number, session in enumerate(table.sessions)
        for step, at in enumerate(itertools.accumulate(session.reuse_times, initial=session.start))
        if step
    ]
    background = [(at, -1, step) for step, (at, _) in enumerate(table.background)]
    return sorted([*((at, number, step - 1) for at, number, step in calls), *background])


async def measured(one: Variant, table: Timetable, blocks: int) -> tuple[VariantReport, int, int]:
    """A policy's report, and the blocks its agents reused: measured, and by the block manager
    replayed."""
    with tempfile.TemporaryDirectory() as directory:
        servers = embedded_servers(
            [one], Path(directory), agent="three agents", tokens_per_block=TOKENS_PER_BLOCK,
            pool_tokens=blocks * TOKENS_PER_BLOCK,
        )  # fmt: skip
        async with servers as (server,):
            await warm_up([server])
            await drive(server, table)
            report = summarise(server.observed())
    hits = sum(exchange.generation.reused_blocks or 0 for exchange in server.exchanges)
    blocks_asked = sum(
        (exchange.generation.reused_blocks or 0) + (exchange.generation.missed_blocks or 0)
        for exchange in server.exchanges
    )
    return report, hits, round((report.predicted_block_hit_rate or 0.0) * blocks_asked)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=8, help="of each agent")
    parser.add_argument(
        "--wait", type=float, default=1.0, help="median seconds between the calls of a session"
    )
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=POLICIES)
    args = parser.parse_args(arguments)
    encode = Tokenizer(tokenizer_path()).encode
    table, past = (
        timetable(1, args.sessions, args.wait),
        placed(timetable(2, args.sessions, args.wait), encode),
    )
    blocks = scarce_pool(table, encode)
    print(
        f"{len(table.sessions)} sessions of three agents, "
        f"{len(table.background)} background requests, "
        f"pool of {blocks} blocks of {TOKENS_PER_BLOCK} tokens"
    )
    first = 0
    for policy in args.policies:
        report, hits, replayed = asyncio.run(measured(variant(policy, past), table, blocks))
        first = first or hits
        ttft = report.ttft_ms.mean if report.ttft_ms else float("nan")
        print(
            f"{policy:9} {hits:6} blocks reused, {hits / first:.2f} x {args.policies[0]} "
            f"(replayed: {replayed}); "
            f"token hit rate {report.token_hit_rate or 0:.1%} of at most {report.bound or 0:.1%}; "
            f"TTFT {ttft:.0f} ms on average",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
