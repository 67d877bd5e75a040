"""Servers that the configuration has for read_only are changed with --write alone."""

import argparse
from pathlib import Path

import pytest

from charter_engine.cli import build_parser, main
from charter_engine.commands.serve import _options
from charter_engine.service.options import EngineOptions

LISTED = 'read_only = ["prod-*", "127.0.0.1:1"]'
CHANGING = (
    "push plan.json",
    "rollback",
    "uninstall",
    "trial start plan.json",
    "trial share 0.5",
    "trial stop",
    "trial watch",
    "drift --adopt",
    "drift --put-back",
    "history repair",
    "canary",
    "profile --prove retention",
    "run agent.py",
    "bench agent.py",
)


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    path = tmp_path / "charter" / "console.toml"
    path.parent.mkdir()
    path.write_text(LISTED)
    return path


@pytest.mark.parametrize("words", CHANGING)
def test_what_changes_such_a_server_is_refused_with_the_remedy(
    words: str, capsys: pytest.CaptureFixture[str], configuration: Path
) -> None:
    assert main([*words.split(), "--triton", "prod-1:8001"]) == 2
    told = capsys.readouterr().err
    assert f"prod-1:8001 is read_only in {configuration}" in told
    assert "--write changes it all the same" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["push", "plan.json", "--triton", "test-1:8001", "--triton", "prod-1:8001"],
        ["run", "agent.py", "--server", "http://prod-1:8000/"],
        ["bench", "agent.py", "--server", "https://prod-1"],
        ["run", "agent.py", "--openai", "http://prod-1:8000", "--", "true"],
        ["profile", "http://prod-1:8000", "--prove", "retention"],
    ],
)
def test_such_a_server_is_known_however_it_is_named(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "is read_only in" in capsys.readouterr().err


def test_a_deployment_file_is_not_applied_to_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "charter.yaml"
    file.write_text("version: 1\nplan: plan.json\nservers: [test-1:8001, prod-1:8001]\n")
    assert main(["apply", str(file)]) == 2
    assert "prod-1:8001 is read_only in" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["canary --write", "profile"])
def test_with_write_and_for_looking_the_server_is_asked(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.split(), "--triton", "127.0.0.1:1"]) == 3
    assert "read_only" not in capsys.readouterr().err


@pytest.mark.parametrize("content", ["read_only = [", 'read_only = "prod-1"', "read_only = [1]"])
def test_where_the_configuration_cannot_be_read_nothing_is_changed(
    content: str, configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration.write_text(content)
    assert main(["rollback", "--triton", "test-1:8001"]) == 2
    told = capsys.readouterr().err
    assert str(configuration) in told
    assert "--write" in told


def served(*arguments: str) -> EngineOptions:
    given = ["serve", *arguments]
    args: argparse.Namespace = build_parser(given).parse_args(given)
    return _options(args).engine


@pytest.mark.parametrize(
    ("arguments", "only_looks"),
    [
        (["--triton", "prod-1:8001"], True),
        (["--triton", "test-1:8001", "--triton", "prod-1:8001"], True),
        (["--server", "http://prod-1:8000"], True),
        (["--triton", "prod-1:8001", "--write"], False),
        (["--triton", "test-1:8001"], False),
        ([], False),
    ],
)
def test_the_engine_of_such_a_server_only_watches(arguments: list[str], only_looks: bool) -> None:
    assert served(*arguments).read_only is only_looks


def test_an_engine_only_watches_where_the_configuration_cannot_be_read(
    configuration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration.write_text("read_only = [")
    assert served("--triton", "test-1:8001").read_only
    assert "this engine only watches" in capsys.readouterr().err
    assert not served().read_only
