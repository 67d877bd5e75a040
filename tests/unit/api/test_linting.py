"""Linting as commands, the engine and notebooks ask for it."""

from pathlib import Path

import pytest

from charter_engine.api.agents import open_agent
from charter_engine.api.linting import diff, fix, lint, lint_agent, rules
from charter_engine.contracts.lint import LintRequest
from charter_engine.errors import UsageError
from tests.unit.analysis.lint.linting import agent

VARIABLE_FIRST = agent(
    "return self.client.generate(f'{document}\\n\\n{SYSTEM}\\n\\n{question}', max_tokens=9)"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "agent.py"
    path.write_text(VARIABLE_FIRST)
    return path


def request(path: Path, off: tuple[str, ...] = (), config: str | None = None) -> LintRequest:
    return LintRequest(paths=(str(path),), off=off, config=config)


def found(path: Path, off: tuple[str, ...] = (), config: str | None = None) -> set[str]:
    return {finding.rule for finding in lint(request(path, off, config)).findings}


def test_findings_are_the_same_from_the_cache(source: Path) -> None:
    first = lint(request(source))
    assert "variable-before-shared-text" in {finding.rule for finding in first.findings}
    assert lint(request(source)) == first


def test_rules_are_switched_off_by_request_and_by_file(source: Path, tmp_path: Path) -> None:
    rule = "variable-before-shared-text"
    config = tmp_path / "charter.toml"
    config.write_text(f'[lint]\noff = ["{rule}"]\n')
    assert rule not in found(source, off=(rule,))
    assert rule not in found(source, config=str(config))


def test_an_unknown_rule_is_refused(source: Path) -> None:
    with pytest.raises(UsageError, match="there is no rule"):
        lint(request(source, off=("variable-first",)))


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        lint(request(tmp_path / "nowhere.py"))


def test_an_empty_path_is_not_taken_for_this_folder() -> None:
    with pytest.raises(UsageError, match="a path is empty"):
        lint(LintRequest(paths=("",)))


def test_a_broken_file_is_an_error_beside_the_findings_of_others(
    source: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("def f(:")
    report = lint(request(tmp_path))
    assert [Path(error.path).name for error in report.errors] == ["broken.py"]
    assert report.findings


def test_a_diff_shows_the_fix_and_changes_nothing(source: Path) -> None:
    report = diff(request(source))
    assert [found.rule for found in report.fixes[0].applied] == ["variable-before-shared-text"]
    assert report.fixes[0].diff.startswith(f"--- a/{source}\n+++ b/{source}\n")
    assert source.read_text() == VARIABLE_FIRST


def test_a_fix_is_written_and_its_finding_is_gone(source: Path) -> None:
    planned, done = diff(request(source)), fix(request(source))
    assert done == planned
    assert source.read_text() != VARIABLE_FIRST
    assert "variable-before-shared-text" not in found(source)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_a_fix_keeps_encoding_and_line_ends(source: Path, encoding: str) -> None:
    coding = "" if encoding == "utf-8-sig" else f"# -*- coding: {encoding} -*-\n"
    text = (coding + VARIABLE_FIRST + "# Grüße\n").replace("\n", "\r\n")
    source.write_bytes(text.encode(encoding))
    report = fix(request(source))
    assert report.fixes
    fixed = source.read_bytes().decode(encoding)
    assert fixed.endswith("# Grüße\r\n")
    assert fixed.count("\n") == fixed.count("\r\n")


def test_a_file_with_mixed_line_ends_is_left_to_its_author(source: Path) -> None:
    content = VARIABLE_FIRST.encode() + b"x = 1\r\n"
    source.write_bytes(content)
    report = fix(request(source))
    assert not report.fixes
    assert report.findings
    assert source.read_bytes() == content


def test_an_agent_is_linted_as_it_is_on_disk_now(source: Path) -> None:
    opened = open_agent(source)
    fix(request(source))
    assert "variable-before-shared-text" not in {one.rule for one in lint_agent(opened)}


def test_the_rules_can_be_listed() -> None:
    assert "variable-before-shared-text" in {rule.id for rule in rules()}
