"""What the tests of push and rollback share.

It is also a program that pushes and kills itself at a given step.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange, ServerSettings
from charter_engine.servers.attaching import connection_of, target_for, with_what_is_known
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.request import Generated, GenerateRequest

NODE = "Agent.run:summary"
CALLS = (
    Call(
        id=NODE,
        path="agent.py",
        line=3,
        end_line=4,
        segments=(
            Segment(kind="static", text="You summarise reports.\n"),
            Segment(kind="variable", name="report"),
            Segment(kind="static", text="\nSummary:"),
        ),
    ),
)
PROMPT = "You summarise reports.\nNothing happened on Monday.\nSummary:"


def plan_with(priority: int, **server: object) -> Plan:
    retention = (SegmentRange(first=0, last=0, priority=priority),)
    settings = replace(ServerSettings(), **server)
    return Plan(agent="agent.py", nodes={NODE: NodePlan(retention=retention)}, server=settings)


def deployer(
    client: TritonClient, repository: Path | None, on_step: Callable[[str], None] = lambda _: None
) -> Deployer:
    return Deployer(target_for(client, repository=repository), on_step=on_step)


async def ask(client: TritonClient) -> Generated:
    """One request of the node; its answer says under which revision it was served."""
    return await client.generate(GenerateRequest(text=PROMPT, max_tokens=1), seconds=30)


def leftovers(repository: Path) -> list[Path]:
    """What a push may leave beside the files it changes, and must not."""
    return [path for path in repository.rglob(".*") if ".charter-" in path.name]


async def _push_and_die(url: str, repository: Path, priority: int, step: str) -> None:
    def die(done: str) -> None:
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    connection = connection_of(with_what_is_known(TritonOptions(url=url)))
    async with TritonClient(connection) as client:
        await deployer(client, repository, die).push(plan_with(priority), CALLS)


if __name__ == "__main__":
    asyncio.run(_push_and_die(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
