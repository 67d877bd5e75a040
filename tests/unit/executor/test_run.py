"""What a run sends, in which order, and what it does when requests fail."""

import asyncio

import pytest
from msgspec.structs import replace

from charter_engine.contracts.graph import Loop
from charter_engine.contracts.plan import NodePlan
from charter_engine.executor import run as run_module
from charter_engine.prompts.assembly import MissingInput
from charter_engine.triton.request import Generated, GenerateRequest
from tests.unit.executor.scripted import (
    CHAIN,
    ScriptedTarget,
    call,
    echo,
    prepared,
    refused,
    run,
    static,
    unreachable,
    variable,
)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "FIRST_BACKOFF_SECONDS", 0.001)


async def test_outputs_are_filled_into_the_prompts_behind_them() -> None:
    target = ScriptedTarget()
    report, _ = await run(target)
    assert sorted(target.prompts()) == ["S:d0", "S:d0<first>", "S:d1", "S:d1<first>"]
    assert report.state == "done"
    assert report.outputs[0] == {"first": "<first>", "second": "<second>"}


async def test_a_call_waits_for_what_it_reads() -> None:
    target = ScriptedTarget(seconds=0.01)
    await run(target, inputs=[{"document": "d"}])
    assert target.nodes() == ["first", "second"]


async def test_independent_calls_of_an_item_run_side_by_side() -> None:
    calls = [call(name, static("S:"), variable("document")) for name in ("a", "b", "c")]
    target = ScriptedTarget(seconds=0.01)
    await run(target, calls, [{"document": "d"}])
    assert target.most_in_flight == 3


async def test_no_more_requests_are_in_flight_than_allowed() -> None:
    target = ScriptedTarget(seconds=0.002)
    await run(target, inputs=[{"document": str(n)} for n in range(20)], concurrency=3)
    assert target.most_in_flight == 3


async def test_every_pass_of_a_loop_is_an_item() -> None:
    loop = Loop(kind="for", line=1, target="row", iterable="rows")
    looped = replace(call("a", static("S:"), variable("name")), loop=loop, in_loop=True)
    target = ScriptedTarget()
    report, _ = await run(
        target, [looped], [{"rows": [{"name": "x"}, {"name": "y"}, {"name": "z"}]}]
    )
    assert sorted(target.prompts()) == ["S:x", "S:y", "S:z"]
    assert report.items == 3


async def test_a_missing_input_is_said_before_anything_is_sent() -> None:
    target = ScriptedTarget()
    with pytest.raises(MissingInput, match="document"):
        await run(target, inputs=[{"document": "d"}, {"text": "d"}])
    assert target.asked == []


async def test_the_first_of_a_cache_group_goes_alone() -> None:
    in_flight_at_first: list[int] = []

    def answer(request: GenerateRequest) -> Generated:
        if len(target.asked) <= 1:
            in_flight_at_first.append(target.in_flight)
        return echo(request)

    target = ScriptedTarget(answer, seconds=0.01)
    nodes = {"first": NodePlan(cache_group="g")}
    await run(target, CHAIN[:1], [{"document": str(n)} for n in range(8)], nodes)
    assert in_flight_at_first == [1]
    assert target.most_in_flight == 4


async def test_a_failed_first_of_a_cache_group_hands_over_to_the_next() -> None:
    def answer(request: GenerateRequest) -> Generated | Exception:
        return refused() if len(target.asked) == 1 else echo(request)

    target = ScriptedTarget(answer)
    nodes = {"first": NodePlan(cache_group="g")}
    report, _ = await run(target, CHAIN[:1], [{"document": str(n)} for n in range(4)], nodes)
    assert len(target.asked) == 4
    assert sum(record.error is None for record in report.requests) == 3


async def test_the_baseline_asks_for_no_retention() -> None:
    target = ScriptedTarget()
    await run(target, variant="baseline")  # type: ignore[arg-type]
    assert all(request.retention is None for request in target.asked)


async def test_an_answer_that_does_not_come_is_asked_for_again() -> None:
    def answer(request: GenerateRequest) -> Generated | Exception:
        return unreachable() if len(target.asked) < 3 else echo(request)

    target = ScriptedTarget(answer)
    report, _ = await run(target, CHAIN[:1], [{"document": "d"}])
    assert report.state == "done"
    assert [record.attempts for record in report.requests] == [3]


async def test_while_it_is_asked_again_the_node_says_why() -> None:
    seen: list[tuple[str, str]] = []

    def answer(request: GenerateRequest) -> Generated | Exception:
        return unreachable() if len(target.asked) < 2 else echo(request)

    target = ScriptedTarget(answer)
    work = prepared(target, CHAIN[:1])
    work.on_change = lambda: seen.append(
        (work.totals.stats()[0].state, work.totals.stats()[0].reason)
    )
    await work.execute()
    assert ("failed", "nobody answers; trying again") in seen
    assert seen[-1] == ("done", "")


async def test_a_refused_request_is_not_repeated_and_only_its_item_fails() -> None:
    def answer(request: GenerateRequest) -> Generated | Exception:
        return refused() if "d0" in "".join(part.text for part in request.parts) else echo(request)

    target = ScriptedTarget(answer)
    report, _ = await run(target)
    assert report.state == "failed"
    assert sorted(target.prompts()) == ["S:d0", "S:d1", "S:d1<first>"]
    assert report.errors == ("item 0: second not run, first failed",)
    assert [(node.requests, node.failures) for node in report.nodes] == [(1, 1), (1, 0)]


async def test_a_triton_that_is_gone_ends_the_run_at_once() -> None:
    target = ScriptedTarget(lambda _: unreachable())
    report, _ = await run(target, inputs=[{"document": str(n)} for n in range(50)], concurrency=2)
    assert report.state == "failed"
    assert len({request.request_id for request in target.asked}) <= 4
    assert any(error == "stopped: nobody answers" for error in report.errors)


async def test_a_request_without_an_answer_in_time_fails() -> None:
    target = ScriptedTarget(seconds=30)
    report, _ = await run(target, CHAIN[:1], [{"document": "d"}], request_seconds=0.02)
    assert [record.error for record in report.requests] == ["no answer within 0 s"]


async def test_a_cancelled_run_withdraws_its_requests_and_reports_what_it_has() -> None:
    target = ScriptedTarget(seconds=30)
    work = prepared(target, inputs=[{"document": str(n)} for n in range(9)])
    task = asyncio.create_task(work.execute())
    await target.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert target.in_flight == 0
    assert work.report("cancelled").items == 0
    assert all(node.state == "idle" for node in work.totals.stats())


async def test_totals_are_the_sums_of_the_servers_counters() -> None:
    report, _ = await run(ScriptedTarget())
    first = report.nodes[0]
    assert (first.requests, first.prompt_tokens, first.reused_tokens) == (2, 200, 128)
    assert (first.reused_blocks, first.total_blocks) == (4, 8)
    assert first.ttft_ms_mean is None


async def test_a_server_that_tells_no_reuse_leaves_totals_without_a_rate() -> None:
    report, _ = await run(ScriptedTarget(lambda request: Generated(text="", prompt_tokens=100)))
    assert all(node.prompt_tokens and not node.told_tokens for node in report.nodes)
    assert not any(node.total_blocks for node in report.nodes)


async def test_a_run_that_asked_nothing_has_failed() -> None:
    report, _ = await run(ScriptedTarget(), inputs=[])
    assert report.state == "failed"
    assert report.errors == ("nothing was measured: no request was made",)
