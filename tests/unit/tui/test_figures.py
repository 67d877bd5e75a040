"""How numbers and lines read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from charter_engine.contracts.figures import Label
from charter_tui.present.figures import (
    apart,
    bar,
    byte_size_text,
    clock_span,
    count,
    duration_text,
    legend,
    milliseconds_text,
    per_second,
    percent_text,
    precise_milliseconds,
    precise_percent,
    short_count,
    signed,
    sparkline,
)
from charter_tui.present.spans import Span, crop, fit, line, line_width, plain, text_of, wrap


@pytest.mark.parametrize(
    ("label", "mark"), [("measured", "="), ("predicted", "~"), ("assumed", "?")]
)
def test_every_label_has_a_mark_that_the_legend_explains(label: Label, mark: str) -> None:
    assert count(1200, label).text == f"{mark}1,200"
    assert f"{mark} {label}" in text_of(legend())


def test_a_missing_figure_is_a_dash_and_not_zero() -> None:
    assert count(None, "measured").text == "–"
    assert count(0, "measured").text == "=0"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0.0 %"), (0.634, "63.4 %"), (0.99999, "99.9 %"), (1.0, "100 %"), (0.00001, "<0.1 %")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float, text: str) -> None:
    assert percent_text(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8.44, "8.4 ms"),
        (412.2, "412 ms"),
        (1250, "1.25 s"),
        (12_500, "12.5 s"),
        (125_000, "2:05"),
        (9.96, "10 ms"),
    ],
)
def test_times_in_the_unit_that_reads_best(value: float, text: str) -> None:
    assert milliseconds_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (812, "812 B"),
        (4_404_019, "4.2 MiB"),
        (85_520_809_984, "79.6 GiB"),
        (1023.9, "1.0 KiB"),
    ],
)
def test_sizes(value: float, text: str) -> None:
    assert byte_size_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (9_999, "9,999"), (99_999, "99,999"), (145_210, "145k"), (145_000_000, "145M")],
)
def test_short_counts(value: int, text: str) -> None:
    assert short_count(value) == text


@given(st.integers(0, 10**12))
def test_a_short_count_fits_its_column(value: int) -> None:
    assert len(short_count(value)) <= 6


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (725, "12:05"), (10_810, "3:00:10")])
def test_spans_of_time(seconds: float, text: str) -> None:
    assert clock_span(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "∞"), (1500, "1500ms"), (30_000, "30s"), (300_000, "5m"), (7_200_000, "2h")],
)
def test_durations_as_they_are_typed(value: int | None, text: str) -> None:
    assert duration_text(value) == text


@given(st.floats(-1, 2), st.integers(0, 40))
def test_a_bar_fills_its_width_exactly(share: float, width: int) -> None:
    assert line_width(bar(share, width)) == width


@given(st.lists(st.text(max_size=10).map(plain), max_size=5), st.integers(0, 30))
def test_a_cell_takes_exactly_its_width(texts: list[str], width: int) -> None:
    spans = tuple(Span(text) for text in texts)
    assert line_width(fit(spans, width)) == width
    assert line_width(crop(spans, width)) <= width


@given(st.text())
def test_no_text_from_outside_can_drive_the_terminal(text: str) -> None:
    shown = plain(text)
    assert not [
        character for character in shown if ord(character) < 32 or 127 <= ord(character) < 160
    ]


def test_a_cut_is_marked() -> None:
    assert text_of(crop(line("classification"), 8)) == "classif…"


@given(st.text(alphabet="ab 漢\n", max_size=60), st.integers(2, 20))
def test_wrapped_lines_fit_and_lose_no_word(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(item) <= width for item in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_figure_and_its_unit_stay_in_one_line() -> None:
    assert wrap("whole ~12.6 s, hit ~31.0 % of 4 sessions", 13) == [
        "whole",
        "~12.6 s, hit",
        "~31.0 % of 4",
        "sessions",
    ]


@given(st.text(max_size=20), st.integers(-1, 1))
def test_wrapping_to_no_width_at_all_ends(text: str, width: int) -> None:
    assert "".join("".join(wrap(text, width)).split()) == "".join(
        plain(text.replace("\n", " ")).split()
    )


@pytest.mark.parametrize(
    ("values", "drawn"), [((), ""), ((0.0, 0.0), "▁▁"), ((8, 0, 4), "█▁▅"), ((3, 3), "██")]
)
def test_a_sparkline_has_a_sign_a_value_as_high_as_its_share_of_the_highest(
    values: tuple[float, ...], drawn: str
) -> None:
    assert sparkline(values) == drawn


def test_figures_that_differ_are_told_apart_and_no_digit_is_shown_for_nothing() -> None:
    close = apart([0.6344, 0.6341, None], precise_percent, "predicted")
    assert [one.text for one in close] == ["~63.44 %", "~63.41 %", "–"]
    far = apart([0.6344, 0.51, 0.6344], precise_percent, "predicted")
    assert [one.text for one in far] == ["~63.4 %", "~51.0 %", "~63.4 %"]
    runs = apart([92_310.0, 92_480.0], precise_milliseconds, "assumed")
    assert [one.text for one in runs] == ["?92.31 s", "?92.48 s"]
    assert [one.text for one in apart([812.0, 95_000.0], precise_milliseconds, "assumed")] == [
        "?812 ms",
        "?1:35",
    ]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-16.2, 0, "−16"), (11, 1, "+11.0"), (-0.2, 0, "0"), (0.0, 1, "0.0"), (-3_300, 0, "−3,300")],
)
def test_a_difference_has_its_sign_unless_it_is_nought(
    value: float, digits: int, text: str
) -> None:
    assert signed(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"), [(3.9, "~3.90"), (42.0, "~42.0"), (0.5, "~0.500"), (1_204.0, "~1,204")]
)
def test_how_many_in_a_second_has_three_digits_or_more(value: float, text: str) -> None:
    assert per_second(value, "predicted").text == text
