"""What is printed of a coverage report."""

import json
from pathlib import Path

import pytest

from scripts import least_covered


def test_the_total_and_the_least_covered_modules_of_the_chosen_rooms_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shares = {
        "charter_engine/api/agents.py": 90.0,
        "charter_engine/store/database.py": 40.0,
        "charter_engine/parser/interpreting/calls.py": 10.0,
    }
    files = {name: {"summary": {"percent_covered": share}} for name, share in shares.items()}
    report = tmp_path / "coverage.json"
    report.write_text(json.dumps({"totals": {"percent_covered": 87.65}, "files": files}))
    least_covered.main(str(report))
    assert capsys.readouterr().out.splitlines() == [
        "coverage of all: 87.7 % of lines",
        "least covered of api, triton, store:",
        "  40.0 %  charter_engine/store/database.py",
        "  90.0 %  charter_engine/api/agents.py",
    ]
