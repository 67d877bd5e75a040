"""What the console's own proposal is planned on, and where it keeps what it learns."""

import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from charter_engine.api.planning import plan
from charter_engine.api.progress import silent
from charter_engine.api.proposing import LEAST_PASSED, PASSED_S, on_what_passed
from charter_engine.api.recent_traffic import as_workload, planned_for
from charter_engine.api.reuse_times_files import read_reuse_times
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.planning import Levers, PlanRequest
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.service import heavy_work
from charter_engine.service.heavy_work import AsDeployed
from tests.unit.traffic.records import record


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
    asked = PlanRequest(workload=str(workload), policy="next-use", pool_tokens=2048, jobs=1)
    found = plan(on_what_passed(asked, 0, 1_800_000_000.0))
    kept = state / "waits" / "1800000000.waits.json"
    assert found.derivation.plan.reuse_times == str(kept)
    assert read_reuse_times(kept).model.sessions == 12


def test_the_console_proposes_the_retention_that_a_plan_on_the_same_traffic_has(
    tmp_path: Path,
) -> None:
    passed, asked = traffic(), PlanRequest(jobs=1, levers=Levers(block_size=False))
    console = heavy_work.planned(
        None,
        replace(on_what_passed(asked, len(passed), 1.0), workload="what passed"),
        AsDeployed(POOL, PROFILE, None, 1, None),
        passed,
        silent,
    ).derivation
    named = replace(asked, workload="what passed", output=str(tmp_path / "plan.yaml"))
    command = plan(planned_for(named, POOL, PROFILE), passed=as_workload(passed)).derivation
    assert command.plan.policy == console.plan.policy
    assert command.plan.server == console.plan.server
    assert command.plan.why["policy"] == console.plan.why["policy"]
    assert command.policies == console.policies
    assert "next-use" in command.policies.hit_rates
    assert command.as_it_is == console.as_it_is


POOL = KvPool(max_blocks=100, free_blocks=100, used_blocks=0, tokens_per_block=16)
PROFILE = Profile(
    path="engine",
    charter_bls=True,
    retention=True,
    release=True,
    load_unload=True,
    repository_files=True,
    parameters={"kv_cache_host_memory_bytes": "65536"},
    eviction="flat",
)


def traffic() -> list[TrafficRecord]:
    """Sessions on a scarce pool, of which every other one pauses for long."""
    tokens = np.random.default_rng(0).integers(0, 2_000, (24, 400))
    return [
        record(
            tokens[number, : 96 + 16 * turn].tolist(),
            at=100.0 + 0.7 * number + turn * (1.0 + 9.0 * (number % 2)),
            session=f"s{number}",
            output_tokens=8,
            total_ms=100.0,
        )
        for number in range(24)
        for turn in range(6)
    ]


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
