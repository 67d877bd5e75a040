"""`predict`, `workload` and `calibrate` as a shell would call them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from charter_engine.api import workloads as workload_source
from charter_engine.cli import main
from charter_engine.commands.outcome import DONE, USAGE
from charter_engine.commands.predict import POLICIES
from charter_engine.contracts.predicting import OTHER_POOLS
from charter_engine.kvcache.workload.lines import write_lines
from tests.unit.plan.test_retention_streams import sessions as made_sessions

pytestmark = pytest.mark.slow

SESSION = {
    "id": "s",
    "tool_tokens": 0,
    "system_tokens": 0,
    "reqs": [[10.0 * i, 5.0, 2.0, 64 * (i + 2) + 5, 20, [[1, i + 2]], ""] for i in range(6)],
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload_source, "cache_directory", lambda: tmp_path / "cache")


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / "trace.jsonl"
    lines = [
        {
            "timestamp": 100 * i,
            "input_length": 1500,
            "output_length": 3,
            "hash_ids": [0, i % 3 + 1, 10 + i],
        }
        for i in range(12)
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def sessions(tmp_path: Path) -> str:
    path = tmp_path / "sessions.jsonl"
    path.write_text(
        "\n".join(json.dumps({**SESSION, "id": f"s{i}"}) for i in range(4)), encoding="utf-8"
    )
    return str(path)


def test_every_combination_of_settings_is_predicted_in_order(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--set",
        "tokens_per_block=64,512",
        "--set",
        "gpu_tokens=4096,1_000_000",
        "--jobs",
        "1",
    ]
    assert main(["predict", trace, "--instant", "--json", "--curve", *options]) == DONE
    report = json.loads(capsys.readouterr().out)
    settings = [one["settings"] for one in report["predictions"]]
    assert [(s["tokens_per_block"], s["gpu_blocks"]) for s in settings] == [
        (64, 64),
        (64, 15625),
        (512, 8),
        (512, 1954),
    ]
    assert report["rule"] == "the last token of a prompt is never looked up"
    assert [curve["tokens_per_block"] for curve in report["curves"]] == [64, 512]
    # Unlimited: of 12 prompts each finds the first block, and 9 of them the second.
    assert report["predictions"][3]["token_hit_rate"] == pytest.approx((11 + 9) * 512 / (12 * 1500))
    assert all(one["bracket"]["optimum"] >= one["token_hit_rate"] for one in report["predictions"])


def test_over_simulated_time_there_is_a_makespan(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", trace, "--json", "--set", "max_batch_size=2"]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert report["timing"] == "timed"
    assert report["predictions"][0]["makespan_ms"] >= 1100
    assert report["predictions"][0]["times_label"] == "assumed"


def test_processes_predict_what_one_does(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["predict", trace, "--instant", "--json", "--set", "gpu_tokens=4096,8192,16384"]
    assert main([*options, "--jobs", "1"]) == DONE
    alone = capsys.readouterr().out
    assert main([*options, "--jobs", "2"]) == DONE
    assert capsys.readouterr().out == alone


def test_the_table_names_what_differs(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["predict", trace, "--instant", "--set", "eviction=leaf,flat", "--jobs", "1"]) == DONE
    )
    out = capsys.readouterr().out
    assert "eviction" in out
    assert "optimum" in out
    assert "whole s (assumed)" in out
    assert out.count("computed") == 3, "beside the rate, default LRU and the optimum"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--set", "gpu_block=3"], "no such setting"),
        (["--set", "gpu_blocks"], "no value"),
        (["--set", "gpu_blocks=many"], "no whole number"),
        (["--set", "eviction=random"], "leaf, flat"),
        (["--set", "reuse=perhaps"], "true, false"),
        (["--set", "gpu_blocks=0"], "at least 1"),
        (["--set", "max_batch_size=0"], "at least 1"),
        (["--model", "gpt-9"], "known are llama"),
        (["--latency", "missing.json"], "calibrate --json"),
        (["--plan", "missing.yaml"], "readable plan"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    trace: str, options: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", trace, *options]) == USAGE
    captured = capsys.readouterr()
    assert problem in captured.err
    assert captured.out == ""


def test_a_missing_workload_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "nowhere.jsonl"]) == USAGE
    assert "nowhere.jsonl" in capsys.readouterr().err


def test_a_pipe_is_refused_before_anything_of_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert main(["workload", "info", str(pipe)]) == USAGE
    assert "can be read only once\n  write it to a file" in capsys.readouterr().err


def test_times_beyond_all_bounds_are_told_without_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(json.dumps({"timestamp": 1e308, "input_length": 9, "output_length": 1}))
    assert main(["workload", "info", str(path), "--time-unit", "s"]) == USAGE
    error = capsys.readouterr().err
    assert "at no finite time" in error
    assert "Warning" not in error


def test_pools_that_cannot_be_told_to_forget_are_named(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--set", "eviction=leaf,vllm,sglang", "--instant", "--release", "superseded"]
    assert main(["predict", trace, *options]) == DONE
    assert "nothing is released with eviction sglang, vllm" in capsys.readouterr().err


def test_bad_lines_are_told_and_strictly_refused(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(trace).open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    for _ in range(2):
        assert main(["workload", "info", trace, "--json"]) == DONE
        captured = capsys.readouterr()
        assert json.loads(captured.out)["requests"] == 12
        assert f"{trace}:13: " in captured.err
    assert main(["workload", "info", trace, "--strict"]) == USAGE


def test_a_workload_survives_every_form(
    trace: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    binary = str(tmp_path / "w.npz")
    assert main(["workload", "convert", trace, "-o", binary]) == DONE
    assert main(["workload", "convert", binary]) == DONE
    converted = capsysbinary.readouterr().out.splitlines()
    original = [json.loads(line) for line in Path(trace).read_text(encoding="utf-8").splitlines()]
    assert [{key: json.loads(line)[key] for key in original[0]} for line in converted] == original


def test_pooled_sessions_are_a_workload(
    sessions: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pooled = str(tmp_path / "pooled.jsonl")
    options = ["--sessions", "3", "--window", "60", "--gap-cap", "5", "--seed", "7"]
    assert main(["workload", "pool", sessions, *options, "-o", pooled]) == DONE
    assert main(["workload", "info", pooled, "--json"]) == DONE
    facts = json.loads(capsys.readouterr().out)
    assert (facts["requests"], facts["sessions"]) == (18, 3)
    assert main(["workload", "pool", sessions, "--sessions", "9"]) == USAGE


def test_what_calibrate_prints_is_what_predict_takes(
    trace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = tmp_path / "records.jsonl"
    rows = [
        {
            "run": "r",
            "node": "n",
            "item": 0,
            "started_at": float(n),
            "prompt_tokens": n,
            "ttft_ms": 3 + n / 10,
        }
        for n in (100, 400, 800, 2000)
    ]
    records.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert main(["calibrate", str(records), "--json"]) == DONE
    fitted = tmp_path / "fitted.json"
    fitted.write_text(capsys.readouterr().out, encoding="utf-8")
    assert json.loads(fitted.read_text(encoding="utf-8"))["ttft_error"] < 1e-6
    assert main(["predict", trace, "--instant", "--json", "--latency", str(fitted)]) == DONE
    assert json.loads(capsys.readouterr().out)["predictions"][0]["times_label"] == "predicted"


def test_too_few_measurements_are_no_calibration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none.jsonl").write_text("", encoding="utf-8")
    assert main(["calibrate", str(tmp_path / "none.jsonl")]) == USAGE
    assert "at least 4" in capsys.readouterr().err


def test_predicting_little_loads_no_machine_code(trace: str, tmp_path: Path) -> None:
    program = (
        "import sys; from charter_engine.cli import main; "
        f"code = main(['predict', {trace!r}, '--instant', '--json']); "
        "sys.exit(code or bool({'numba', 'llvmlite'} & set(sys.modules)))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0


@pytest.fixture
def returning(tmp_path: Path) -> str:
    """Sessions half of which return soon, as lines."""
    path = tmp_path / "returning.jsonl"
    with path.open("wb") as file:
        write_lines(made_sessions(20, 1).requests(), file)
    return str(path)


SCARCE = ["--set", "tokens_per_block=64", "--set", "gpu_blocks=60", "--instant", "--jobs", "1"]


def test_policies_are_compared_and_one_is_chosen(
    returning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", returning, "--policy", "next-use,static", "--json", *SCARCE]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert [one["policy"] for one in report["predictions"]] == ["default", "static", "next-use"]
    assert report["predictions"][0]["closed"] == 0
    assert report["predictions"][2]["closed"] > 0.3
    assert report["choices"][0]["policy"] == "next-use"
    assert report["choices"][0]["reason"]["label"] == "predicted"


def test_reuse_times_learnt_elsewhere_decide_as_the_sessions_they_came_from(
    returning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, reuse_times = tmp_path / "other.jsonl", tmp_path / "waits.json"
    with other.open("wb") as file:
        write_lines(made_sessions(20, 5).requests(), file)
    assert main(["learn", str(other), "-o", str(reuse_times)]) == DONE
    capsys.readouterr()
    rates = []
    for learnt in (["--waits", str(reuse_times)], ["--learn-from", str(other)]):
        assert (
            main(["predict", returning, "--policy", "next-use", "--json", *learnt, *SCARCE]) == DONE
        )
        rates.append(
            [one["token_hit_rate"] for one in json.loads(capsys.readouterr().out)["predictions"]]
        )
    kept, searched = rates
    # A file keeps one pricing of memory; with the sessions at hand each setting takes its best.
    assert searched[0] == kept[0]
    assert kept[1] <= searched[1] < kept[1] + 0.005
    assert kept[1] > kept[0]


def test_with_ample_memory_the_choice_is_default(
    returning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["predict", returning, "--policy", "all", "--instant", "--json", "--jobs", "1"])
        == DONE
    )
    report = json.loads(capsys.readouterr().out)
    assert report["choices"][0]["policy"] == "default"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--policy", "lru"], "default, static"),
        (["--waits", "waits.json"], "--policy"),
        (["--policy", "next-use", "--waits", "/nonexistent.json"], "charter-engine learn"),
        (["--policy", "next-use"], "no two sessions"),
        (["--policy", "next-use", "--learn-from", "/nonexistent.jsonl"], "/nonexistent.jsonl"),
    ],
)
def test_policies_that_cannot_be_compared_are_refused(
    options: list[str], words: str, trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", trace, *options]) == USAGE
    assert words in capsys.readouterr().err


def test_nodes_of_a_plan_that_the_workload_lacks_are_told(
    trace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("agent: a.py\nnodes:\n  gone:\n    decode_priority: 60\n")
    assert main(["predict", trace, "--plan", str(plan), "--json"]) == DONE
    told = capsys.readouterr()
    assert json.loads(told.out)["unmatched_nodes"] == ["gone"]
    assert "gone" in told.err


def test_a_plan_that_names_reuse_times_is_predicted_by_them(
    returning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("agent: a.py\npolicy: next-use\nwaits: waits.json\n")
    assert main(["predict", returning, "--plan", str(plan)]) == USAGE
    assert "waits.json" in capsys.readouterr().err
    assert main(["learn", returning, "-o", str(tmp_path / "waits.json")]) == DONE
    capsys.readouterr()
    assert main(["predict", returning, "--plan", str(plan), "--json", *SCARCE]) == DONE
    prediction = json.loads(capsys.readouterr().out)["predictions"][0]
    assert prediction["token_hit_rate"] > prediction["bracket"]["default_lru"]


def test_what_a_file_does_not_say_of_itself_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small_blocks.jsonl"
    line = {"timestamp": 3, "input_length": 48, "output_length": 1, "hash_ids": [1, 2, 3]}
    path.write_text("\n".join(json.dumps({**line, "timestamp": at}) for at in (3, 5)))
    assert main(["workload", "info", str(path)]) == USAGE
    assert "--block-tokens" in capsys.readouterr().err
    options = ["--block-tokens", "16", "--time-unit", "s"]
    assert main(["workload", "info", str(path), *options, "--json"]) == DONE
    assert json.loads(capsys.readouterr().out)["duration_s"] == 2.0
    assert main(["predict", str(path), *options, "--json"]) == DONE
    assert json.loads(capsys.readouterr().out)["prompt_tokens"] == 96


def test_texts_are_tokenised_by_the_tokenizer_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    by_word = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    by_word.pre_tokenizer = WhitespaceSplit()
    by_word.save(str(tokenizer))
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "one two three"}]}))
    assert main(["workload", "info", str(path), "--tokenizer", str(tokenizer), "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told["prompt_tokens"] == 4
    assert str(tokenizer) in told["notes"][0]
    assert main(["workload", "info", str(path), "--tokenizer", "none.json"]) == USAGE
    assert "none.json" in capsys.readouterr().err


def test_a_file_that_says_all_of_itself_takes_no_options(
    trace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.npz"
    assert main(["workload", "convert", trace, "-o", str(kept)]) == DONE
    assert main(["workload", "info", str(kept), "--block-tokens", "16"]) == USAGE
    assert "leave --block-tokens and --time-unit out" in capsys.readouterr().err


def test_a_report_on_a_part_of_a_file_says_so(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(trace).open("a") as file:
        file.write("{}\n")
    assert main(["predict", trace]) == DONE
    said = capsys.readouterr().out
    assert "1 record could not be read and 12 requests were; the first problem is at" in said


def test_lengths_alone_tell_no_hit_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lengths.csv"
    path.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n1.0,374,44\n")
    assert main(["predict", str(path)]) == DONE
    printed = capsys.readouterr().out
    assert "no hit rate can be told" in printed
    assert "%" not in printed


def test_pools_of_other_managers_stand_beside_the_policies(
    returning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", returning, "--policy", "all", "--json", *SCARCE]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert {one["policy"] for one in report["predictions"]} == set(POLICIES)
    assert set(report["others"]) == set(OTHER_POOLS)
    (vllm,) = report["others"]["vllm"]
    assert (vllm["settings"]["eviction"], vllm["settings"]["gpu_blocks"]) == ("vllm", 60)
    assert main(["predict", returning, "--policy", "sglang-sessions", *SCARCE]) == DONE
    assert "sglang-sessions" in capsys.readouterr().out
