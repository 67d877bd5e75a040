"""The audit of locked packages: what it says of findings, of gaps, and where it cannot ask."""

from pathlib import Path

import pytest

from scripts import audit

SOUND = {"name": "sound", "version": "1.0", "vulns": []}
WEAK = {
    "name": "weak",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}],
}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


def test_a_vulnerable_package_fails_with_the_versions_that_mend_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert audit.tell([SOUND, WEAK]) == 1
    assert "weak 1.0: PYSEC-1, mended in 1.1, 2.0" in capsys.readouterr().out


def test_packages_the_service_does_not_know_are_counted_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert audit.tell([SOUND, UNKNOWN]) == 0
    out = capsys.readouterr().out
    assert "knows nothing of: 1" in out
    assert "checked 1 of 2 packages: 0 vulnerable" in out


def test_an_unreachable_service_is_said_and_fails_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"sound==1.0 --hash=sha256:{'0' * 64}\n")
    assert audit.main(str(requirements)) == 0
    assert capsys.readouterr().out == (
        "pip-audit could not reach its service: nothing was checked\n"
    )


def test_a_file_that_is_no_list_of_requirements_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main(str(tmp_path / "missing.txt")) == 1
    assert "missing.txt" in capsys.readouterr().err
