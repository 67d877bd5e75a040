"""What several commands' options take."""

import argparse

import pytest

from charter_engine.commands.options import LARGEST, duration, positive, span


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1h30m", 5_400), ("500ms", 0.5)])
def test_a_duration_is_written_as_everywhere_else(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "said"), [("soon", "such as 30s"), ("0s", "no time at all"), ("9" * 400, "no end")]
)
def test_what_is_no_duration_is_refused(text: str, said: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        duration(text)


def test_a_span_may_be_nothing() -> None:
    assert span("0s") == 0


@pytest.mark.parametrize(
    ("text", "said"), [("0", "not 1 or more"), ("x", "whole number"), ("9" * 20, "20 digits")]
)
def test_what_is_no_number_of_things_is_refused(text: str, said: str) -> None:
    assert positive(str(LARGEST)) == LARGEST
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        positive(text)
