"""Spans and moments as they are typed, and how they are read."""

import contextlib
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.contracts.moments import Mistyped, parse_length, parse_moment, parse_seconds

START = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
END = START + 7200


def moment(text: str, position: float = START + 100) -> float:
    return parse_moment(text, START, END, position, UTC)


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


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5x", "5s5", "s", "inf"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Mistyped, match="such as 30s"):
        parse_seconds(text)


def test_a_duration_below_nought_is_called_that() -> None:
    with pytest.raises(Mistyped, match="'-5s' is negative"):
        parse_seconds("-5s")


def test_a_duration_has_an_end() -> None:
    with pytest.raises(Mistyped, match="no end"):
        parse_seconds("9" * 400)


def test_a_length_is_longer_than_nothing() -> None:
    assert parse_seconds("0s") == 0
    with pytest.raises(Mistyped, match="no time at all"):
        parse_length("0s")


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
def test_whatever_is_typed_is_a_moment_or_mistyped(text: str) -> None:
    with contextlib.suppress(Mistyped):
        assert isinstance(moment(text), float)


def test_a_time_of_day_is_that_of_the_day_on_which_the_recording_has_it() -> None:
    over_midnight = parse_moment("00:10", START + 34_000, START + 40_000, START, UTC)
    assert over_midnight == START + 35_800


def test_a_moment_outside_the_recording_is_told_as_it_is() -> None:
    assert moment("2026-09-20 14:13:20") == START - 86_400
