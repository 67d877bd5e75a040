"""What the console's own proposal is planned on, and where it keeps what it learns."""

import json
from pathlib import Path

import pytest

from charter_engine.api.planning import plan
from charter_engine.api.proposing import LEAST_PASSED, PASSED_S, on_what_passed
from charter_engine.api.reuse_times_files import read_reuse_times
from charter_engine.contracts.planning import PlanRequest


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "state"
    monkeypatch.setenv("CHARTER_STATE", str(directory))
    return directory


def test_a_proposal_rests_on_what_passed_in_the_last_hour() -> None:
    assert on_what_passed(PlanRequest(), LEAST_PASSED, 0.0).from_traffic_s == PASSED_S


def test_where_little_passed_it_rests_on_the_agents_inputs() -> None:
    assert on_what_passed(PlanRequest(), LEAST_PASSED - 1, 0.0).from_traffic_s is None


@pytest.mark.parametrize(
    "request_",
    [
        PlanRequest(workload="/w/monday.charter"),
        PlanRequest(reuse_times="/w/waits.json"),
        PlanRequest(inputs_file="/w/inputs.jsonl"),
    ],
)
def test_what_is_named_is_planned_on(request_: PlanRequest) -> None:
    assert on_what_passed(request_, LEAST_PASSED, 0.0).from_traffic_s is None


def test_the_time_an_operator_names_stands() -> None:
    asked = PlanRequest(from_traffic_s=60.0)
    assert on_what_passed(asked, LEAST_PASSED, 0.0).from_traffic_s == 60.0


def test_beside_a_plan_file_nothing_is_kept_elsewhere() -> None:
    asked = PlanRequest(output="/w/plan.yaml")
    assert on_what_passed(asked, LEAST_PASSED, 0.0).reuse_times_output == ""


def test_the_reuse_times_of_a_proposal_are_kept_and_named(tmp_path: Path, state: Path) -> None:
    workload = tmp_path / "sessions.jsonl"
    workload.write_text("".join(f"{json.dumps(line)}\n" for line in sessions()))
    asked = PlanRequest(workload=str(workload), policy="next-use", pool_tokens=2048)
    found = plan(on_what_passed(asked, 0, 1_800_000_000.0))
    kept = state / "waits" / "1800000000.waits.json"
    assert found.derivation.plan.reuse_times == str(kept)
    assert read_reuse_times(kept).model.sessions == 12


def sessions() -> list[dict[str, object]]:
    """Twelve sessions of four prompts each, every one the last one and a block."""
    return [
        {
            "timestamp": number * 2_000 + turn * (1_000 + 3_000 * (number % 2)),
            "input_length": 512 * (turn + 1),
            "output_length": 8,
            "hash_ids": [100 * number + block for block in range(turn + 1)],
            "session": f"s{number}",
        }
        for number in range(12)
        for turn in range(4)
    ]
