"""How long pushes take, and how soon a killed embedded Triton answers again.

Bars: an answer again within 10 s of any kill -9; no request fails during a push.
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange, ServerSettings
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.servers.attaching import target_for
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.errors import TritonError
from charter_engine.triton.request import GenerateRequest

TELL_EVERY = 10_000
NODE = "Agent.run:answer"
CALLS = (
    Call(
        id=NODE,
        path="agent.py",
        line=1,
        end_line=1,
        segments=(
            Segment(kind="static", text="Answer briefly. "),
            Segment(kind="variable", name="question"),
        ),
    ),
)


def plan(priority: int, server: ServerSettings | None = None) -> Plan:
    node = NodePlan(retention=(SegmentRange(first=0, last=0, priority=priority),))
    return Plan(agent="agent.py", nodes={NODE: node}, server=server or ServerSettings())


async def answers(client: TritonClient) -> bool:
    try:
        await client.generate(GenerateRequest(text="Answer briefly. Why?", max_tokens=1), seconds=5)
    except TritonError:
        return False
    return True


async def comeback(client: TritonClient, process: int) -> float:
    """Seconds from the kill to the next answer."""
    os.kill(process, signal.SIGKILL)
    started = time.monotonic()
    answered = False
    while not answered:
        await asyncio.sleep(0.05)
        answered = await answers(client)
    return time.monotonic() - started


async def push_under_traffic(
    client: TritonClient, deployer: Deployer, wanted: Plan
) -> tuple[float, int, int]:
    """Milliseconds of a push, and the requests answered and failed meanwhile."""
    counts = [0, 0]
    done = asyncio.Event()

    async def traffic() -> None:
        while not done.is_set():
            counts[not await answers(client)] += 1

    senders = [asyncio.create_task(traffic()) for _ in range(4)]
    report = await deployer.push(wanted, CALLS)
    done.set()
    await asyncio.gather(*senders)
    return report.elapsed_ms, counts[0], counts[1]


def is_stub_of(process: psutil.Process, model: str) -> bool:
    try:
        command = process.cmdline()
    except psutil.ZombieProcess:
        return False
    return bool(command) and "backend_stub" in command[0] and any(model in item for item in command)


def stub_of(supervisor: int, model: str) -> int:
    (stub,) = (
        item.pid
        for item in psutil.Process(supervisor).children(recursive=True)
        if is_stub_of(item, model)
    )
    return stub


async def pushes_until(client: TritonClient, deployer: Deployer, wanted: int) -> None:
    """Push retention after retention until so many requests were answered or failed meanwhile."""
    answered = failed = told = 0
    times_ms: list[float] = []
    started = time.monotonic()
    while answered + failed < wanted:
        changed = plan(20 + len(times_ms) % 60)
        elapsed_ms, more, lost = await push_under_traffic(client, deployer, changed)
        times_ms.append(elapsed_ms)
        answered, failed = answered + more, failed + lost
        if (answered + failed) // TELL_EVERY > told:
            told = (answered + failed) // TELL_EVERY
            print(f"  {answered + failed:,} requests, {failed} failed", file=sys.stderr)
    seconds = time.monotonic() - started
    print(
        f"{len(times_ms)} pushes of retention: {failed} of {answered + failed:,} requests failed "
        f"(bar: 0), {(answered + failed) / seconds:.0f} a second for {seconds:.0f} s"
    )
    print(
        f"one such push: {statistics.median(times_ms):.0f} ms in the median, "
        f"{max(times_ms):.0f} ms at most"
    )


async def run(directory: Path, requests: int) -> None:
    repository = write_embedded_repository(directory / "models")
    started = time.monotonic()
    async with (
        EmbeddedTriton(repository) as server,
        TritonClient(server.state.connection) as client,
    ):
        print(f"start to ready: {time.monotonic() - started:.2f} s")
        deployer = Deployer(
            target_for(client, repository=repository, metrics_url=server.state.metrics_url)
        )
        for name, wanted in (
            ("retention (first push)", plan(80)),
            ("retention", plan(60)),
            ("an engine setting", plan(60, ServerSettings(max_tokens_in_paged_kv_cache=8192))),
            ("tokens_per_block", plan(60, ServerSettings(tokens_per_block=16))),
        ):
            elapsed_ms, answered, failed = await push_under_traffic(client, deployer, wanted)
            print(
                f"push of {name}: {elapsed_ms:.0f} ms; meanwhile {answered} requests answered, "
                f"{failed} failed (bar: 0)"
            )
        await pushes_until(client, deployer, requests)
        await asyncio.sleep(2)  # until the stubs of the instances before are gone
        for name in ("charter_bls", "tensorrt_llm"):
            seconds = await comeback(client, stub_of(server.state.supervisor, name))
            print(f"stub of {name} killed: answers again after {seconds:.2f} s (bar: 10)")
        print(
            "tritonserver killed: answers again after "
            f"{await comeback(client, server.state.server):.2f} s (bar: 10)"
        )
        started = time.monotonic()
    print(f"stop: {time.monotonic() - started:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--requests", type=int, default=2000, help="of the long form: 100000 (default: %(default)s)"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory), given.requests))


if __name__ == "__main__":
    main()
