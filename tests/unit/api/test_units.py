"""Times and shares as they are typed."""

import pytest

from charter_engine.api.units import seconds_of, share_of
from charter_engine.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1.5h", 5400), ("1h30m", 5400), ("5", 5)]
)
def test_times(text: str, seconds: float) -> None:
    assert seconds_of(text, "--watch") == seconds


@pytest.mark.parametrize("text", ["0s", "-1m", "5 minutes", ""])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="--watch"):
        seconds_of(text, "--watch")


def test_a_share() -> None:
    assert share_of("12.5%", "--max-regression") == 0.125


@pytest.mark.parametrize("text", ["5", "x%", "-5%"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(UsageError, match="percentage"):
        share_of(text, "--max-regression")
