"""What `charter-engine push` prints."""

import pytest

from charter_engine.commands.push_report import show_report
from charter_engine.contracts.deploy import Diff, PushReport


def shown(report: PushReport, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_report(report, as_json=False)
    return capsys.readouterr().out.splitlines()


def report(base_revision: int, revision: int, message: str) -> PushReport:
    return PushReport(
        ok=True,
        revision=revision,
        diff=Diff(base_revision=base_revision),
        elapsed_ms=0.0,
        message=message,
    )


def test_a_first_push_that_changes_no_setting_says_what_its_revision_is_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = shown(report(0, 1, "revision 1 is live"), capsys)
    assert "no setting, layout or retention differs" in first
    assert "puts the plan on record" in first
    assert second.startswith("revision 1 is live")


def test_a_later_push_that_changes_nothing_does_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = shown(report(3, 3, "nothing to push"), capsys)
    assert first == "nothing differs from revision 3"
    assert second.startswith("nothing to push")
