"""What a run is made of, and what it gives when it is cancelled."""

import asyncio
from pathlib import Path

import pytest

from charter_engine.api.agents import open_agent
from charter_engine.api.live_runs import new_run
from charter_engine.api.running import (
    agent_inputs,
    agent_plan,
    items_to_run,
    measured,
    opened_with_inputs,
)
from charter_engine.contracts.running import RunRequest
from charter_engine.errors import UsageError
from charter_engine.plan.edit import default_plan
from charter_engine.triton.request import Generated, GenerateRequest
from tests.unit.api.agents import FACTS, REPLY, write_agent, write_plan
from tests.unit.executor.scripted import ScriptedTarget, echo, prepared


def test_runs_that_begin_in_the_same_second_have_names_of_their_own() -> None:
    assert len({new_run() for _ in range(20)}) == 20


def test_an_agent_is_run_over_the_inputs_beside_it(tmp_path: Path) -> None:
    agent, inputs = opened_with_inputs(RunRequest(agent=str(write_agent(tmp_path))))
    items = items_to_run(agent, inputs, default_plan(agent.compiled))
    assert [item.instances[0].scope["document"] for item in items] == [
        "Rain until noon.",
        "Three boxes.",
    ]


def test_inputs_given_as_typed_make_one_item_and_win(tmp_path: Path) -> None:
    request = RunRequest(agent=str(write_agent(tmp_path)), given=("document=Snow.",))
    assert opened_with_inputs(request)[1] == ({"document": "Snow."},)


def test_an_input_that_is_none_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--input document: not of the form name=value"):
        agent_inputs(open_agent(write_agent(tmp_path)), ("document",))


def test_an_agent_that_does_not_compile_is_refused_with_its_place(tmp_path: Path) -> None:
    agent = open_agent(write_agent(tmp_path, "def answer(:\n"))
    with pytest.raises(UsageError, match=r"desk\.py:1:"):
        agent_inputs(agent)


def test_inputs_that_do_not_fill_the_prompts_are_refused_with_the_option_to_give(
    tmp_path: Path,
) -> None:
    agent = open_agent(write_agent(tmp_path))
    with pytest.raises(UsageError, match="no value for 'document'") as refused:
        items_to_run(agent, ({},), default_plan(agent.compiled))
    assert "--input document=VALUE" in refused.value.remedy


def test_without_a_plan_everything_is_as_written(tmp_path: Path) -> None:
    agent = open_agent(write_agent(tmp_path))
    assert agent_plan(None, agent) == default_plan(agent.compiled)


def test_a_plan_file_gets_the_identity_of_the_agent_it_is_run_for(tmp_path: Path) -> None:
    agent = open_agent(write_agent(tmp_path))
    nodes = f"\n  {FACTS}:\n    decode_priority: 20"
    plan = agent_plan(str(write_plan(tmp_path, "elsewhere/desk.py", nodes)), agent)
    assert plan.identity == default_plan(agent.compiled).identity
    assert plan.nodes[FACTS].decode_priority == 20


def test_a_plan_for_a_call_the_agent_lacks_is_refused(tmp_path: Path) -> None:
    agent = open_agent(write_agent(tmp_path))
    nodes = f"\n  {REPLY}: {{}}\n  answer:title: {{}}"
    with pytest.raises(UsageError, match=r"plan\.yaml: the agent has no call answer:title"):
        agent_plan(str(write_plan(tmp_path, "desk.py", nodes)), agent)


async def test_a_cancelled_run_gives_what_was_measured_until_then() -> None:
    reached = asyncio.Event()

    def answered(request: GenerateRequest) -> Generated:
        if len(target.asked) == 3:
            reached.set()
        return echo(request)

    target = ScriptedTarget(answer=answered, seconds=0.01)
    inputs = tuple({"document": f"d{number}"} for number in range(40))
    run = asyncio.create_task(measured(prepared(target, inputs=inputs, concurrency=1)))
    await reached.wait()
    run.cancel()
    report = await run
    assert report.state == "cancelled"
    assert 1 <= len(report.requests) < 80
    assert not run.cancelled()
