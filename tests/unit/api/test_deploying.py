"""What a push reads before it speaks to a deployment."""

import os
from pathlib import Path

import pytest

from charter_engine.api.deploying import history, read_to_push
from charter_engine.api.deployments import unheeded
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploying import PushRequest
from charter_engine.errors import CharterError, UsageError
from charter_engine.plan.edit import default_plan
from tests.unit.api.agents import FACTS, REPLY, SOURCE, write_agent, write_plan

NODES = f"\n  {FACTS}:\n    decode_priority: 20"


def test_the_agent_is_found_beside_the_plan_and_the_plan_gets_its_identity(tmp_path: Path) -> None:
    write_agent(tmp_path)
    plan, calls, reuse_times, inputs = read_to_push(
        PushRequest(plan=str(write_plan(tmp_path, "desk.py", NODES)))
    )
    assert [call.id for call in calls] == [FACTS, REPLY]
    assert plan.identity is not None and plan.identity.name == "desk"
    assert (plan.agent, reuse_times) == ("desk.py", None)
    assert len(inputs) == 2


def test_the_agent_may_be_given_where_it_lies(tmp_path: Path) -> None:
    elsewhere = tmp_path / "checkout"
    elsewhere.mkdir()
    request = PushRequest(
        plan=str(write_plan(tmp_path, "/agents/desk.py", NODES)), agent=str(write_agent(elsewhere))
    )
    assert read_to_push(request)[0].nodes[FACTS].decode_priority == 20


def test_a_missing_agent_is_named_with_the_option_to_give(tmp_path: Path) -> None:
    request = PushRequest(plan=str(write_plan(tmp_path, "nowhere.py", NODES)))
    with pytest.raises(UsageError, match=r"the plan's agent nowhere\.py") as refused:
        read_to_push(request)
    assert "--agent FILE" in refused.value.remedy


@pytest.mark.parametrize("name", ["/dev/null", "pipe"])
def test_an_agent_that_is_a_device_or_a_pipe_is_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    plan = str(write_plan(tmp_path, "desk.py", NODES))
    with pytest.raises(UsageError, match="is neither a file nor a directory"):
        read_to_push(PushRequest(plan=plan, agent=str(tmp_path / name)))


def test_an_agent_that_does_not_compile_is_refused_with_its_line(tmp_path: Path) -> None:
    write_agent(tmp_path, "def answer(:\n")
    with pytest.raises(UsageError, match=r"desk\.py:1: "):
        read_to_push(PushRequest(plan=str(write_plan(tmp_path, "desk.py", NODES))))


def test_another_agents_source_is_refused_with_both_names(tmp_path: Path) -> None:
    other = write_agent(tmp_path, SOURCE.replace("answer(", "judge("), "judge")
    request = PushRequest(plan=str(write_plan(tmp_path, "desk.py", NODES)), agent=str(other))
    with pytest.raises(UsageError, match=r"for agent desk\.py, not for judge "):
        read_to_push(request)


def test_a_plan_of_settings_alone_needs_no_source(tmp_path: Path) -> None:
    plan, calls, _, _ = read_to_push(PushRequest(plan=str(write_plan(tmp_path, "nowhere.py"))))
    assert (plan.identity, calls) == (None, ())


def test_a_plan_as_written_fits_its_own_agent(tmp_path: Path) -> None:
    from charter_engine.api.agents import open_agent
    from charter_engine.api.deploying import plan_for

    agent = open_agent(write_agent(tmp_path))
    own = default_plan(agent.compiled)
    assert plan_for(agent, own, "plan.yaml") == own


async def test_without_a_deployment_there_is_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path))
    with pytest.raises(CharterError, match="no embedded Triton named 'desk' is up") as refused:
        await history(TritonOptions(name="desk"))
    assert refused.value.exit_code == 3
    assert "triton up" in refused.value.remedy


def test_steps_that_nobody_takes_do_not_stop_what_reports_them() -> None:
    def gone(_: object) -> None:
        raise BrokenPipeError

    unheeded(gone)("wrote a file")
