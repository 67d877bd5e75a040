"""Why requests missed, as text on a terminal."""

import pytest

from charter_engine.commands.miss_report import print_causes
from charter_engine.contracts.explaining import MissGroup, MissReport, PromptParts
from charter_engine.contracts.figures import Label


@pytest.mark.parametrize(
    ("label", "tokens", "total"),
    [
        ("measured", " 60 ", "60 of 100 prompt tokens (60%) were computed again, and 40 were new"),
        (
            "assumed",
            "at most 60",
            "at most 60 of 100 prompt tokens (60%) were computed again, and ",
        ),
    ],
)
def test_what_hashes_alone_tell_is_shown_as_a_bound(
    label: Label, tokens: str, total: str, capsys: pytest.CaptureFixture[str]
) -> None:
    group = MissGroup(cause="other text", requests=1, tokens=60, tokens_per_hour=60.0, label=label)
    print_causes(MissReport(causes=(group,), parts=PromptParts(diverged=60, new=40)))
    row, last = capsys.readouterr().out.splitlines()[1:]
    assert tokens in row
    assert last.startswith(total)
