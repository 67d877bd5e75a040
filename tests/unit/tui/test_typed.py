"""What operators type and how it is read."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_tui.present.figures import duration_text
from charter_tui.typed import (
    UNTIL_EVICTED,
    Mistyped,
    parse_moment,
    parse_priority,
    parse_retention_ms,
    parse_seconds,
)

START = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
END = START + 7200


def moment(text: str, position: float = START + 100) -> float:
    return parse_moment(text, START, END, position, time.gmtime)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("30s", 30),
        ("2.5 s", 2.5),
        ("5m", 300),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1 min", 60),
        ("2d", 172_800),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5x", "5s5", "s"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Mistyped, match="such as 30s"):
        parse_seconds(text)


@pytest.mark.parametrize("text", ["", "∞", "none", "until evicted", "-1"])
def test_an_endless_retention(text: str) -> None:
    assert parse_retention_ms(text) == UNTIL_EVICTED


def test_a_retention_of_nothing_or_of_months_is_refused() -> None:
    for text in ("0", "0.9ms", "60d", "9" * 400):
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


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("start", 0),
        ("end", 7200),
        ("now", 7200),
        ("3m ago", 7020),
        ("10s", 10),
        ("90", 90),
        ("+30s", 130),
        ("-1m", 40),
        ("1:30", 90),
        ("0:05:00", 300),
        ("14:30", 1000),
        ("14:13:25", 5),
        ("1790000060", 60),
        ("2026-09-21T14:15:00+00:00", 100),
    ],
)
def test_moments(text: str, offset: float) -> None:
    assert moment(text) == START + offset


@pytest.mark.parametrize("text", ["1h ago ago", "soon", "12:99", "yesterdayish", ""])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(Mistyped, match="3m ago"):
        moment(text)


@given(st.text(max_size=12))
def test_a_moment_is_always_inside_the_recording(text: str) -> None:
    try:
        found = moment(text)
    except Mistyped:
        return
    assert START <= found <= END
