"""`charter-engine plan` as scripts use it."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from charter_engine.api import workloads as workload_source
from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.cli import main
from charter_engine.commands.outcome import DONE, USAGE
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.plan import NodePlan, Plan, ServerSettings
from charter_engine.kvcache.workload.lines import write_lines
from charter_engine.plan.plan_file import read_plan
from charter_engine.plan.retention.reuse_times_file import decode
from charter_engine.store import workload_cache
from tests.unit.plan.test_retention_streams import sessions as made_sessions

pytestmark = pytest.mark.slow

AGENT = str(Path(__file__).parents[3] / "examples" / "agents" / "delta_processor.py")
CAPABLE = Profile(
    path="engine", charter_bls=True, retention=True, load_unload=True, tokens_per_block=64
)
SCARCE = ["--tokens-per-block", "64", "--pool-tokens", "3840", "--no-host-tier"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload_source, "cache_directory", lambda: tmp_path / "cache")


@pytest.fixture
def returning(tmp_path: Path) -> str:
    """Sessions half of which return soon, as lines."""
    path = tmp_path / "returning.jsonl"
    with path.open("wb") as file:
        write_lines(made_sessions(20, 1).requests(), file)
    return str(path)


def planned(tmp_path: Path, *arguments: str) -> Plan:
    target = tmp_path / "plan.yaml"
    assert main(["plan", *arguments, "-o", str(target)]) == DONE
    return read_plan(target.read_text(), str(target))


def profile(tmp_path: Path, **changes: Any) -> str:
    path = tmp_path / "profile.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(CAPABLE, **changes)))
    return str(path)


def test_a_plan_is_written_whole_and_reads_back(tmp_path: Path) -> None:
    assert planned(tmp_path, AGENT, "--no-block-size").nodes


def test_a_folder_is_planned_as_one_agent(tmp_path: Path) -> None:
    package = tmp_path / "desk"
    shutil.copytree(Path(AGENT).parent, package)
    for path in package.glob("*.py"):
        path.write_text(path.read_text().replace("if __name__ ==", "if __file__ =="))
    plan = planned(tmp_path, str(package), "--no-block-size")
    assert plan.agent == str(package)
    alone = planned(tmp_path, AGENT, "--no-block-size")
    assert set(alone.nodes) < set(plan.nodes)


def test_a_folder_of_several_programs_is_refused_with_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "desk"
    shutil.copytree(Path(AGENT).parent, package)
    assert main(["plan", str(package)]) == 2
    told = capsys.readouterr()
    assert "delta_processor.py, document_processor.py" in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "foo"], "llama-3.1-8b"),
        (["--device", "foo"], "h100"),
        (["-o", "/nonexistent/plan.yaml"], "no such folder"),
        (["--tokens-per-block", "48"], "32 and 64"),
        (["--pool-tokens", "-1"], "from 1 up"),
        (["--preset", "foo"], "latency"),
        (["--inputs", "/nonexistent.jsonl"], "/nonexistent.jsonl"),
        (["--workload", "/nonexistent.jsonl"], "/nonexistent.jsonl"),
        (["--waits", "/nonexistent.json"], "charter-engine learn"),
        (["--profile", "/nonexistent.json"], "/nonexistent.json"),
        (["--profile", AGENT], "no profile"),
        (["--policy", "static", "--no-retention"], "retention alone"),
    ],
)
def test_wrong_options_end_with_2_and_say_what_would_be_right(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", AGENT, *arguments]) == USAGE
    assert words in capsys.readouterr().err


def test_a_plan_that_is_none_is_not_written_over(tmp_path: Path) -> None:
    target = tmp_path / "plan.yaml"
    target.write_text("nodes: [\n")
    assert main(["plan", AGENT, "-o", str(target), "--no-block-size"]) == USAGE
    assert target.read_text() == "nodes: [\n"


def test_a_cut_binary_workload_is_refused_in_words(tmp_path: Path) -> None:
    damaged = tmp_path / "half.npz"
    damaged.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(ValueError, match="damaged"):
        workload_cache.load(damaged)


@pytest.mark.parametrize(
    "options", [[], ["--preset", "latency"], ["--pool-tokens", "4096", "--policy", "next-use"]]
)
def test_every_value_that_is_set_has_a_reason(options: list[str], tmp_path: Path) -> None:
    plan = planned(tmp_path, AGENT, *options)
    for key in ServerSettings.__struct_fields__:
        assert getattr(plan.server, key) is None or key in plan.why
    assert {"layout", "policy"} <= set(plan.why)
    for node in plan.nodes.values():
        for field in ("layout", "retention", "decode_priority", "decode_duration_ms"):
            assert node.why[field].text
        for field in ("order", "extends", "wording", "cache_group"):
            assert getattr(node, field) == getattr(NodePlan(), field) or field in node.why


def test_all_policies_are_compared_even_where_memory_is_ample(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plan", AGENT, "--json"]) == DONE
    compared = json.loads(capsys.readouterr().out)["policies"]
    assert set(compared["hit_rates"]) == {"default", "static", "steps", "next-use"}
    assert compared["ample"]
    assert compared["optimum"] >= max(compared["hit_rates"].values()) - 0.01


def test_a_policy_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    plan = planned(tmp_path, AGENT, "--policy", "static")
    assert plan.policy == "static"
    assert "asked for" in plan.why["policy"].text
    assert any(node.retention for node in plan.nodes.values())


def test_a_workload_without_an_agent_decides_settings_and_reuse_times(
    returning: str, tmp_path: Path
) -> None:
    plan = planned(tmp_path, "--workload", returning, *SCARCE)
    assert (plan.agent, plan.nodes, plan.policy, plan.reuse_times) == (
        "",
        {},
        "next-use",
        "plan.waits.json",
    )
    written = decode((tmp_path / "plan.waits.json").read_bytes(), "waits")
    assert written.model.sessions == 20
    assert plan.why["waits"].label == "measured"


@pytest.mark.parametrize(("seed", "pool_tokens", "demotes"), [(1, 3840, False), (2, 5760, True)])
def test_reuse_times_name_the_room_of_the_pool_where_demotions_are_predicted_to_gain(
    tmp_path: Path, seed: int, pool_tokens: int, demotes: bool
) -> None:
    path = tmp_path / "sessions.jsonl"
    with path.open("wb") as file:
        write_lines(made_sessions(20, seed).requests(), file)
    server = (*SCARCE, "--no-block-size", "--pool-tokens", str(pool_tokens))
    planned(tmp_path, "--workload", str(path), *server)
    room = decode((tmp_path / "plan.waits.json").read_bytes(), "waits").room
    assert room == (PoolRoom(pool_tokens // 64, 64, "leaf") if demotes else None)


def test_reuse_times_that_are_given_are_named_relative_to_the_plan(
    returning: str, tmp_path: Path
) -> None:
    reuse_times = tmp_path / "kept" / "waits.json"
    reuse_times.parent.mkdir()
    assert main(["learn", returning, "-o", str(reuse_times)]) == DONE
    plan = planned(tmp_path, "--workload", returning, "--waits", str(reuse_times), *SCARCE)
    assert plan.reuse_times == "kept/waits.json"


def test_where_reuse_times_tell_nothing_a_plan_stays_with_defaults_and_says_so(
    tmp_path: Path,
) -> None:
    path = tmp_path / "random.jsonl"
    with path.open("wb") as file:
        write_lines(made_sessions(12, 6, patient=False).requests(), file)
    plan = planned(tmp_path, "--workload", str(path), *SCARCE)
    assert (plan.policy, plan.reuse_times) == ("default", None)
    assert "explains" in plan.why["policy"].text or "would bring" in plan.why["policy"].text


def test_a_workload_that_names_no_sessions_still_decides_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(
        "\n".join(
            json.dumps(
                {"timestamp": i, "input_length": 1024, "output_length": 1, "hash_ids": [0, i % 5]}
            )
            for i in range(20)
        )
    )
    assert main(["plan", "--workload", str(path), "--policy", "next-use"]) == USAGE
    assert "no two sessions" in capsys.readouterr().err
    plan = planned(tmp_path, "--workload", str(path))
    assert plan.policy == "default"


def test_an_agent_without_inputs_on_a_workload_keeps_its_layout_and_says_why(
    returning: str, tmp_path: Path
) -> None:
    agent = tmp_path / "agent.py"
    agent.write_text(Path(AGENT).read_text())
    plan = planned(tmp_path, str(agent), "--workload", returning)
    assert all(node.layout == "source" for node in plan.nodes.values())
    assert "--inputs" in plan.why["layout"].text


def test_calls_that_workload_and_agent_do_not_share_are_told(
    returning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned(tmp_path, AGENT, "--workload", returning)
    told = capsys.readouterr().err
    assert "no calls of the agent: main" in told
    assert "reuse times stay assumed" in told


def test_what_the_deployment_cannot_do_is_left_out_with_the_reason(tmp_path: Path) -> None:
    limited = profile(
        tmp_path,
        retention=False,
        load_unload=False,
        reasons={"retention": "no such input", "load_unload": "mode none"},
    )
    plan = planned(tmp_path, AGENT, "--profile", limited, "--pool-tokens", "4096")
    assert plan.server == ServerSettings()
    assert plan.policy == "default"
    assert not any(node.retention for node in plan.nodes.values())
    assert "no such input" in plan.why["policy"].text
    assert "mode none" in plan.why["tokens_per_block"].text
    assert plan.why["policy"].label == "measured"


def test_a_policy_the_deployment_cannot_take_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limited = profile(tmp_path, retention=False, reasons={"retention": "no such input"})
    assert main(["plan", AGENT, "--profile", limited, "--policy", "steps"]) == USAGE
    assert "no such input" in capsys.readouterr().err


def test_a_profile_tells_block_size_pool_and_reuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = {"max_tokens_in_paged_kv_cache": "6400", "enable_kv_cache_reuse": "false"}
    assert (
        main(["plan", AGENT, "--json", "--profile", profile(tmp_path, parameters=parameters)])
        == DONE
    )
    found = json.loads(capsys.readouterr().out)
    assert found["as_it_is"]["point"]["tokens_per_block"] == 64
    assert found["policies"]["gpu_blocks"] * found["policies"]["tokens_per_block"] == 6400
    assert found["plan"]["server"]["enable_kv_cache_reuse"] is True


def test_alternatives_are_a_front_without_equal_rows(tmp_path: Path) -> None:
    rows = planned(tmp_path, AGENT, "--pool-tokens", "4096").alternatives
    figures = [
        (round(row.token_hit_rate, 3), f"{row.ttft_ms:.3g}", row.memory_bytes) for row in rows
    ]
    assert len(set(figures)) == len(figures)
    others = [row for row in rows if not row.chosen]
    for row in others:
        assert not any(
            other.token_hit_rate > row.token_hit_rate
            and other.ttft_ms < row.ttft_ms
            and other.memory_bytes < row.memory_bytes
            for other in rows
        )


def test_an_agent_that_is_no_python_is_wrong_input_and_its_place_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:\n")
    assert main(["plan", str(broken)]) == USAGE
    assert f"{broken}:1:" in capsys.readouterr().err


def test_a_workload_tells_sizes_and_turns_and_its_own_figures_come_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent, workload = tmp_path / "chat.py", tmp_path / "chat.jsonl"
    agent.write_text(
        "def work(client, goal):\n"
        "    said = [{'role': 'user', 'content': goal}]\n"
        "    while True:\n"
        "        answer = client.chat.completions.create(model='m', messages=said)\n"
        "        said.append({'role': 'assistant', 'content': answer.choices[0].message.content})\n"
        "        said.append({'role': 'user', 'content': input()})\n"
    )
    with workload.open("w") as file:
        for place in range(15):
            session, turn = divmod(place, 5)
            line = {
                "timestamp": place * 1000,
                "input_length": 200 + 60 * turn,
                "output_length": 20,
                "hash_ids": [session * 10],
                "node": "work:answer",
                "session": f"s{session}",
            }
            file.write(json.dumps(line) + "\n")
    options = [str(agent), "--workload", str(workload), "--no-block-size"]
    assert main(["plan", *options, "-o", str(tmp_path / "plan.yaml")]) == 0
    told = capsys.readouterr()
    assert (
        "work:answer 5 turns of 200 tokens, 60 more each turn, 20 answered (measured)" in told.err
    )
    assert told.out.index("as recorded") < told.out.index(f"on {workload}")
    assert told.out.index(f"on {workload}") < told.out.index("on 3 runs of the sizes recorded")
