"""`charter-engine run` as a shell would call it, and what it says of requests that failed."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.api import program_runs
from charter_engine.cli import main, split_program
from charter_engine.commands.run import failures, other_errors
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.running import ProgramRequest

AGENT = str(Path(__file__).parents[3] / "examples" / "agents" / "delta_processor.py")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[ProgramRequest]:
    """The program runs that were asked for, each of which fails."""
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path))
    requests: list[ProgramRequest] = []

    async def run_program(request: ProgramRequest, triton: TritonOptions, _: object) -> RunReport:
        requests.append(request)
        return RunReport(
            run="R",
            agent=request.agent,
            variant="program",
            state="failed",
            items=1,
            elapsed_ms=1200.0,
            nodes=(),
            errors=("python ended with exit code 4",),
        )

    monkeypatch.setattr(program_runs, "run_program", run_program)
    return requests


def test_what_stands_behind_the_dashes_is_the_programs_own(
    asked: list[ProgramRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", AGENT, "--json", "--", "python", "agent.py", "--json", "--", "-x"]) == 1
    (request,) = asked
    assert request.command == ("python", "agent.py", "--json", "--", "-x")
    assert request.output == "stderr"
    assert "exit code 4" in capsys.readouterr().err


def test_the_table_of_a_program_is_that_of_any_run(
    asked: list[ProgramRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", AGENT, "--", "python", "agent.py"]) == 1
    assert asked[0].output == "stdout"
    assert "the program in 1.2 s" in capsys.readouterr().out


def test_a_program_that_asked_for_nothing_is_told_what_it_has_to_read(
    asked: list[ProgramRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", AGENT, "--", "python", "agent.py"]) == 1
    told = capsys.readouterr().err
    assert "no request came from the program" in told and "OPENAI_BASE_URL" in told


@pytest.mark.parametrize(
    "words",
    [
        ["--"],
        ["--input", "a=b", "--", "python"],
        ["--baseline", "--", "python"],
        ["--limit", "2", "--", "python"],
        ["--", "no-such-program"],
        ["--openai", "http://127.0.0.1:1"],
        ["--openai", "ftp://127.0.0.1:1", "--", "python"],
        ["--openai", "http://127.0.0.1:1", "--triton", "127.0.0.1:1", "--", "python"],
        ["--openai", "http://127.0.0.1:1", "--plan", "plan.yaml", "--", "python"],
        ["--plan", "plan.yaml", "--triton", "127.0.0.1:1", "--", "python"],
    ],
)
def test_what_makes_no_sense_for_a_program_is_refused(words: list[str]) -> None:
    assert main(["run", AGENT, *words]) == 2


def test_only_the_command_that_starts_programs_splits_its_words() -> None:
    assert split_program(["compile", "--", "-odd.py"]) == (["compile", "--", "-odd.py"], None)


def report(*records: RequestRecord) -> RunReport:
    return RunReport(
        run="r",
        agent="a.py",
        variant="plan",
        state="failed",
        items=1,
        elapsed_ms=1.0,
        nodes=(),
        requests=records,
    )


def record(node: str, error: str | None) -> RequestRecord:
    return RequestRecord(run="r", node=node, item=0, started_at=0.0, error=error)


def test_failures_name_node_and_cause_once() -> None:
    told = failures(
        report(
            record("A.ask", "no answer within 120 s"),
            record("A.ask", None),
            record("A.ask", "no answer within 120 s"),
            record("B.tell", "the prompt is too long"),
        )
    )
    assert list(told) == [
        "A.ask: no answer within 120 s (2 requests)",
        "B.tell: the prompt is too long",
    ]


def test_what_was_said_of_a_request_is_not_said_again() -> None:
    failed = replace(report(record("n", "refused")), errors=("refused", "python was killed"))
    assert list(other_errors(failed)) == ["python was killed"]
