"""How a run sends the requests of a cache group."""

import asyncio
import time

import pytest

from charter_engine.contracts.graph import Call, CompiledFile, Loop, Segment
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.executor import run as run_module
from charter_engine.executor.run import AgentRun, RunSettings
from charter_engine.executor.totals import NodeTotals
from charter_engine.executor.work import items_of
from charter_engine.triton.request import Generated, GenerateRequest

CALL = Call(
    id="ask",
    path="agent.py",
    line=1,
    end_line=1,
    loop=Loop(kind="for", line=1, target="row", iterable="rows"),
    segments=(
        Segment(kind="static", text="Judge: "),
        Segment(kind="variable", name="row", expression="row"),
    ),
)


class Slow:
    """Answers after a while and remembers how many were waiting when each request came."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.came: list[float] = []
        self.answered: list[float] = []

    async def generate(self, request: GenerateRequest) -> Generated:
        self.came.append(time.monotonic())
        await asyncio.sleep(self.seconds)
        self.answered.append(time.monotonic())
        return Generated(text="x")


async def sent(target: Slow, group: str | None) -> Slow:
    plan = Plan(agent="agent.py", nodes={"ask": NodePlan(cache_group=group)})
    items = items_of([CALL], [{"rows": ["a", "b", "c"]}], plan)
    run = AgentRun(
        CompiledFile(path="agent.py", calls=(CALL,)), plan, items, target, NodeTotals(["ask"]),
        RunSettings(run="r", concurrency=3),
    )  # fmt: skip
    assert (await run.execute()).state == "done"
    return target


async def test_without_a_group_all_go_at_once() -> None:
    target = await sent(Slow(0.05), None)
    assert max(target.came) < min(target.answered)


async def test_the_others_do_not_wait_for_a_long_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "HEAD_START_SECONDS", 0.02)
    target = await sent(Slow(0.2), "shared")
    assert target.came[1] - target.came[0] >= 0.02
    assert max(target.came) < min(target.answered)
