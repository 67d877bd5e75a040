"""What operators type and how it is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.contracts.moments import Mistyped
from charter_engine.contracts.settings import UNTIL_EVICTED
from charter_tui.present.figures import duration_text
from charter_tui.typed import parse_priority, parse_retention_ms


@pytest.mark.parametrize("text", ["", "∞", "none", "until evicted", "-1"])
def test_an_endless_retention(text: str) -> None:
    assert parse_retention_ms(text) == UNTIL_EVICTED


def test_a_retention_of_nothing_or_of_months_is_refused() -> None:
    for text in ("0", "0.9ms", "60d", "9" * 40):
        with pytest.raises(Mistyped, match="outside 1 ms to 24 days"):
            parse_retention_ms(text)


@given(st.integers(1, 2**31 - 1))
def test_a_shown_retention_reads_back_as_itself(duration_ms: int) -> None:
    assert parse_retention_ms(duration_text(duration_ms)) == duration_ms


@given(st.integers(0, 100))
def test_priorities_in_range(priority: int) -> None:
    assert parse_priority(f" {priority} ") == priority


@pytest.mark.parametrize("text", ["", "101", "-1", "3.5", "abc", "1000", "٣"])
def test_other_priorities_are_refused_with_the_range(text: str) -> None:
    with pytest.raises(Mistyped, match=r"0 .* to 100"):
        parse_priority(text)
