"""How a change that rolled through several servers is printed, and what the command ends with."""

import pytest

from charter_engine.cli import main
from charter_engine.commands.rollout_report import exit_code, in_words, show_diffs, show_rollout
from charter_engine.contracts.deploy import Diff
from charter_engine.contracts.rollout import (
    FleetDiff,
    RolloutReport,
    RolloutState,
    ServerChange,
    ServerDiff,
)
from charter_engine.errors import FailureKind


def server(name: str, state: RolloutState, kind: FailureKind | None = None) -> ServerChange:
    return ServerChange(server=name, state=state, before=3, revision=4, kind=kind, message="why")


def report(*servers: ServerChange, ok: bool = False) -> RolloutReport:
    return RolloutReport(ok=ok, servers=servers, elapsed_ms=1_500.0)


def test_a_change_that_reached_all_ends_with_0() -> None:
    done = report(server("one", "changed"), server("two", "unchanged"), ok=True)
    assert (exit_code(done), in_words(done)) == (0, "2 servers: 1 changed, 1 unchanged")


@pytest.mark.parametrize(
    ("kind", "code"),
    [("refused", 3), ("unreachable", 3), ("stale", 1), ("failed", 1), ("usage", 2)],
)
def test_a_change_that_stopped_ends_with_what_stopped_it(kind: FailureKind, code: int) -> None:
    down = server("zero", "down", "unreachable")
    stopped = report(down, server("one", "taken back"), server("two", "failed", kind))
    assert exit_code(stopped) == code
    assert in_words(stopped).startswith("stopped at two")


def test_each_server_is_named_with_what_it_failed_by(capsys: pytest.CaptureFixture[str]) -> None:
    show_rollout(report(server("one", "taken back"), server("two", "failed", "refused")), False)
    printed = capsys.readouterr()
    assert "one     taken back" in printed.out
    assert "two: why" in printed.err


def test_of_a_dry_run_a_server_that_does_not_answer_is_told_and_ends_with_3(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = FleetDiff(
        servers=(
            ServerDiff(server="one", diff=Diff(base_revision=3)),
            ServerDiff(server="two", message="no answer", kind="unreachable"),
        )
    )
    assert show_diffs(found, False) == 3
    printed = capsys.readouterr()
    assert "nothing differs from revision 3" in printed.out
    assert "two: no answer" in printed.err


@pytest.mark.parametrize(
    "given",
    [
        ("--triton", "a:1", "--triton", "b:1", "--repository", "models"),
        ("--triton", "a:1", "--servers", "targets.yaml"),
        ("--servers", "no-such-file.yaml"),
        ("--servers", "dns:tritons"),
    ],
)
def test_servers_that_are_named_wrongly_end_with_2(given: tuple[str, ...]) -> None:
    assert main(["history", *given]) == 2
