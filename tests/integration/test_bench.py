"""The bench command on real servers, with little work."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from charter_engine.contracts.benching import BenchReport

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
ROWS = [
    {
        "company": f"Company {n}",
        "annual_revenue": "$1M",
        "employee_count": "9",
        "industry": "Rope",
        "founding_year": "1999",
    }
    for n in range(3)
]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {**os.environ, "CHARTER_STATE": str(tmp_path_factory.mktemp("state"))}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inputs") / "rows.jsonl"
    path.write_text(json.dumps({"companies": ROWS}))
    return path


def bench(*arguments: str, state: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "charter_engine.cli", "bench", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=state,
    )  # fmt: skip


@pytest.fixture(scope="module")
def report(
    rows: Path, state: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> BenchReport:
    page = tmp_path_factory.mktemp("page") / "report.html"
    process = bench(
        str(EXAMPLES / "delta_processor.py"),
        *f"--inputs {rows} --passes 1 --max-tokens 8 --no-retention".split(),
        *f"--html {page} --json".split(),
        state=state,
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "</html>" in page.read_text()
    return msgspec.json.decode(out, type=BenchReport)


def test_every_variant_ran_everything(report: BenchReport) -> None:
    assert [one.name for one in report.variants][:3] == ["baseline", "source", "plan"]
    assert {(one.requests, one.failures) for one in report.variants} == {(3, 0)}
    assert report.complete


def test_the_baseline_reuses_nothing_and_the_plan_more_than_the_source(report: BenchReport) -> None:
    baseline, source, plan = (
        report.variant(name).token_hit_rate for name in ("baseline", "source", "plan")
    )
    assert baseline == 0.0 and source is not None and plan is not None
    assert source < plan


def test_the_block_manager_predicts_what_was_measured(report: BenchReport) -> None:
    for one in report.variants:
        if one.reuse:
            assert one.predicted_block_hit_rate == one.block_hit_rate
            assert one.predicted_token_hit_rate == one.token_hit_rate


def test_no_hit_rate_is_above_its_bound(report: BenchReport) -> None:
    assert all(
        one.token_hit_rate <= one.bound
        for one in report.variants
        if one.token_hit_rate and one.bound
    )


def test_random_text_comes_back_as_the_tokens_it_was(report: BenchReport) -> None:
    assert all(one.drift is not None and one.drift.differing == 0 for one in report.variants)


def test_a_batch_is_measured_with_and_without_reuse_and_concurrency(report: BenchReport) -> None:
    assert report.batch is not None
    assert {(cell.variant, cell.concurrency) for cell in report.batch.cells} == {
        ("baseline", 1), ("baseline", 3), ("plan", 1), ("plan", 3),
    }  # fmt: skip


@pytest.fixture(scope="module")
def given(state: dict[str, str]) -> Iterator[str]:
    def triton(*arguments: str) -> str:
        command = [
            sys.executable,
            "-m",
            "charter_engine.cli",
            "triton",
            *arguments,
            "--name",
            "bench-test",
        ]
        return subprocess.run(command, env=state, text=True, capture_output=True, check=True).stdout

    up = json.loads(triton("up", "--json"))
    yield f"127.0.0.1:{up['grpc']} http://127.0.0.1:{up['metrics']}/metrics"
    triton("down")


def test_on_one_given_server_no_variant_finds_anothers_blocks(
    given: str, rows: Path, state: dict[str, str]
) -> None:
    address, metrics = given.split()
    process = bench(
        str(EXAMPLES / "delta_processor.py"),
        *f"--inputs {rows} --passes 1 --max-tokens 4 --no-retention".split(),
        *f"--triton {address} --triton-metrics {metrics} --json".split(),
        state=state,
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    found = msgspec.json.decode(out, type=BenchReport)
    baseline, source = found.variant("baseline"), found.variant("source")
    assert baseline.token_hit_rate is not None and baseline.token_hit_rate < 0.02
    # What keeps the variants apart may begin with the same token in two of them.
    assert source.token_hit_rate == pytest.approx(source.bound, abs=0.005)
    assert source.predicted_token_hit_rate == pytest.approx(source.bound, abs=0.005)
    assert any("text of its own" in note for note in found.notes)


def test_ctrl_c_ends_with_130_the_figures_so_far_and_no_server(
    rows: Path, state: dict[str, str]
) -> None:
    process = bench(
        str(EXAMPLES / "delta_processor.py"),
        *f"--inputs {rows} --passes 1000 --max-tokens 8 --no-retention --json".split(),
        state=state,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "iteration 1 of 1000: plan" in line:
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    found = msgspec.json.decode(out, type=BenchReport)
    assert not found.complete and found.variants[0].requests >= 3
    servers = Path(state["CHARTER_STATE"]) / "triton"
    assert not [path for path in servers.glob("instance-*") if "bench-test" not in path.name]


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("missing.py",), "no such file", 2),
        (
            (str(EXAMPLES / "delta_processor.py"), "--html", "/nonexistent/x.html"),
            "there is no directory",
            2,
        ),
        ((str(EXAMPLES / "delta_processor.py"), "--plan", "missing.yaml"), "missing.yaml", 2),
        ((str(EXAMPLES / "delta_processor.py"), "--triton", "127.0.0.1:1"), "127.0.0.1:1", 3),
    ],
)
def test_what_cannot_work_is_said_before_a_server_starts(
    arguments: tuple[str, ...], words: str, code: int, state: dict[str, str]
) -> None:
    process = bench(*arguments, state=state)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert words in err
