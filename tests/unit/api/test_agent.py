"""An agent in memory: compiled, planned for and predicted without a file or a server."""

import json
from pathlib import Path

import pytest

import charter_engine as charter
from charter_engine.api import planning
from charter_engine.api.progress import Progress
from charter_engine.contracts.planning import PlanRequest
from charter_engine.plan.edit import default_plan
from charter_engine.plan.plan_file import read_plan
from tests.unit.api.agents import FACTS, REPLY, write_agent, write_plan

EXAMPLE = Path(__file__).parents[3] / "examples" / "agents" / "document_processor.py"
DOCUMENTS = [{"document": f"{number}: " + "some text. " * 20} for number in range(2)]


@pytest.fixture(scope="module")
def example() -> charter.Agent:
    return charter.compile(EXAMPLE, inputs=DOCUMENTS)


@pytest.fixture(scope="module")
def plan(example: charter.Agent) -> charter.AgentPlan:
    return example.plan()


def test_an_agent_has_its_calls_and_the_inputs_beside_it(tmp_path: Path) -> None:
    agent = charter.compile(write_agent(tmp_path))
    assert [call.id for call in agent.calls] == [FACTS, REPLY]
    assert agent.inputs == ({"document": "Rain until noon."}, {"document": "Three boxes."})


def test_inputs_are_given_as_one_mapping_several_or_a_file(tmp_path: Path) -> None:
    path = write_agent(tmp_path)
    file = tmp_path / "others.jsonl"
    file.write_text(json.dumps({"document": "Snow."}))
    assert charter.compile(path, inputs={"document": "Hail."}).inputs == ({"document": "Hail."},)
    assert charter.compile(path, inputs=DOCUMENTS).inputs == tuple(DOCUMENTS)
    assert charter.compile(path, inputs=file).inputs == ({"document": "Snow."},)


@pytest.mark.parametrize(
    ("source", "told"),
    [("def answer(:\n", r"desk\.py:1:"), ("x = 1\n", "no LLM calls were found")],
)
def test_an_agent_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, source: str, told: str
) -> None:
    with pytest.raises(charter.UsageError, match=told):
        charter.compile(write_agent(tmp_path, source))


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(charter.UsageError, match=r"nowhere\.py"):
        charter.compile(tmp_path / "nowhere.py")
    with pytest.raises(charter.UsageError, match=r"nowhere\.jsonl"):
        charter.compile(write_agent(tmp_path), inputs=tmp_path / "nowhere.jsonl")


def test_opportunities_carry_the_hit_rate_to_expect_of_them(example: charter.Agent) -> None:
    rows = example.opportunities(tokens_per_block=16).to_dicts()
    assert {row["pattern"] for row in rows} == {"shared_prefix", "sequential_chain"}
    assert {row["expected_hit_rate_label"] for row in rows} == {"predicted"}
    assert all(isinstance(row["expected_hit_rate"], float) for row in rows)


def test_an_agents_findings_are_those_of_its_file(example: charter.Agent) -> None:
    assert example.lint().record.findings == charter.lint(EXAMPLE).record.findings != ()
    assert example.lint(off=["chain-not-appended"]).to_dicts() == []


def test_the_plan_is_the_one_that_every_other_door_finds(
    example: charter.Agent, plan: charter.AgentPlan
) -> None:
    request = PlanRequest(agent=str(EXAMPLE), inputs=tuple(DOCUMENTS))
    assert plan.plan.nodes == planning.plan(request).derivation.plan.nodes
    assert read_plan(plan.text, "plan.yaml").nodes == plan.plan.nodes


def test_levers_left_out_stay_as_written(example: charter.Agent) -> None:
    left = example.plan(without=["layout", "groups"])
    assert {node.layout for node in left.plan.nodes.values()} == {"source"}


def test_a_value_that_is_none_is_refused_by_its_field(example: charter.Agent) -> None:
    with pytest.raises(charter.UsageError, match=r"Invalid enum value 'speed'.*objective"):
        example.plan(objective="speed")  # type: ignore[arg-type]


def test_a_prediction_under_the_plan_computes_fewer_tokens(
    example: charter.Agent, plan: charter.AgentPlan
) -> None:
    written, planned = example.predict(), example.predict(plan)
    (before,), (after,) = written.record.report.predictions, planned.record.report.predictions
    assert after.computed_tokens < before.computed_tokens
    assert example.predict(plan.plan).to_dicts() == planned.to_dicts()


def test_a_sweep_predicts_every_combination_of_server_settings(example: charter.Agent) -> None:
    heard: list[Progress] = []
    found = example.predict(
        sweep={
            "tokens_per_block": [16, 32],
            "max_tokens_in_paged_kv_cache": [1024, 4096],
        },
        report=heard.append,
    )
    settings = [(row["tokens_per_block"], row["gpu_blocks"]) for row in found.to_dicts()]
    assert settings == [(16, 64), (16, 256), (32, 32), (32, 128)]
    assert [progress.done for progress in heard] == [1, 2, 3, 4]


@pytest.mark.parametrize("values", [{"tokens_per_block": [7]}, {"block_size": [16]}])
def test_a_sweep_over_what_no_server_takes_is_refused(
    example: charter.Agent, values: dict[str, list[int]]
) -> None:
    with pytest.raises(charter.UsageError, match=next(iter(values))):
        example.predict(sweep=values)


def test_inputs_that_do_not_fill_the_prompts_are_refused(example: charter.Agent) -> None:
    with pytest.raises(charter.UsageError, match="no value for 'document'"):
        example.predict(inputs={})


def test_a_plan_file_is_taken_in_place_of_a_plan(tmp_path: Path) -> None:
    agent = charter.compile(write_agent(tmp_path))
    file = write_plan(tmp_path, "desk.py", f"\n  {FACTS}:\n    decode_priority: 20")
    assert agent.plan_of(file).nodes[FACTS].decode_priority == 20
    assert agent.plan_of(None) == default_plan(agent.record)


def test_another_agents_plan_is_refused_with_both_names(
    tmp_path: Path, plan: charter.AgentPlan
) -> None:
    agent = charter.compile(write_agent(tmp_path))
    with pytest.raises(charter.UsageError, match=r"document_processor.*not for .*desk"):
        agent.predict(plan)


def test_the_plan_file_is_written_where_it_is_asked_for(
    example: charter.Agent, tmp_path: Path
) -> None:
    plan = example.plan(output=tmp_path / "plan.yaml")
    assert (tmp_path / "plan.yaml").read_text() == plan.text


async def test_the_asynchronous_forms_give_the_same(
    example: charter.Agent, plan: charter.AgentPlan
) -> None:
    compiled = await charter.compile_async(EXAMPLE, inputs=DOCUMENTS)
    assert compiled.record == example.record
    assert (await example.plan_async()).text == plan.text
    assert (await example.predict_async(plan)).to_dicts() == example.predict(plan).to_dicts()
    assert (await example.lint_async()).to_dicts() == example.lint().to_dicts()
    found = await example.opportunities_async()
    assert found.to_dicts() == example.opportunities().to_dicts()
