"""How a run sends the requests of a cache group, and items in waves."""

import asyncio
import time

import pytest

from charter_engine.contracts.graph import Call, CompiledFile, Loop, Segment
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.executor import head_starts
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
    """Answers after a while and remembers what it was asked, and when."""

    def __init__(self, seconds: float, first_token_ms: float | None = None) -> None:
        self.seconds = seconds
        self.first_token_ms = first_token_ms
        self.asked: list[str] = []
        self.came: list[float] = []
        self.answered: list[float] = []

    async def generate(self, request: GenerateRequest) -> Generated:
        self.came.append(time.monotonic())
        self.asked.append("".join(part.text for part in request.parts))
        await asyncio.sleep(self.seconds)
        self.answered.append(time.monotonic())
        return Generated(text="x", ttft_ms=self.first_token_ms)


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
    # The others begin to wait a moment before the first one comes to the server.
    monkeypatch.setattr(head_starts, "HEAD_START_SECONDS", 0.05)
    target = await sent(Slow(0.2), "shared")
    assert target.came[1] - target.came[0] >= 0.02
    assert max(target.came) < min(target.answered)


DOCUMENTS = [f"{letter} " * 500 for letter in "abab"]


async def sent_in_order(*, in_waves: bool, concurrency: int) -> Slow:
    """Four items on two documents, which come in turn."""
    target = Slow(0.02)
    plan = Plan(agent="agent.py")
    items = items_of([CALL], [{"rows": DOCUMENTS}], plan)
    run = AgentRun(
        CompiledFile(path="agent.py", calls=(CALL,)), plan, items, target, NodeTotals(["ask"]),
        RunSettings(run="r", concurrency=concurrency, in_waves=in_waves),
    )  # fmt: skip
    assert (await run.execute()).state == "done"
    return target


@pytest.mark.parametrize(("in_waves", "order"), [(False, "abab"), (True, "aabb")])
async def test_items_that_begin_alike_are_sent_one_behind_the_other_in_waves(
    in_waves: bool, order: str
) -> None:
    target = await sent_in_order(in_waves=in_waves, concurrency=1)
    assert "".join(text[len("Judge: ")] for text in target.asked) == order


async def test_the_first_of_a_wave_goes_ahead_of_the_others_and_waves_side_by_side() -> None:
    target = await sent_in_order(in_waves=True, concurrency=4)
    order = "".join(text[len("Judge: ")] for text in target.asked)
    assert order[:2] == "ab", "both waves begin at once"
    assert min(target.came[2:]) >= min(target.answered[:2])


async def test_others_are_kept_waiting_as_long_as_the_slowest_first_token_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head_starts, "HEAD_START_SECONDS", 0.0)
    run = AgentRun(
        CompiledFile(path="agent.py", calls=(CALL,)), Plan(agent="agent.py"),
        items_of([CALL], [{"rows": DOCUMENTS}], Plan(agent="agent.py")),
        Slow(0.05, first_token_ms=40.0), NodeTotals(["ask"]),
        RunSettings(run="r", concurrency=2, in_waves=True),
    )  # fmt: skip
    assert (await run.execute()).state == "done"
    target = run.target
    assert isinstance(target, Slow)
    last = [came for came, text in zip(target.came, target.asked, strict=True) if "b " in text]
    assert last[1] - last[0] >= 0.04
