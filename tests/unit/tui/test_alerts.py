"""The user's thresholds: how they are typed, when they are passed, and where that is told."""

from dataclasses import replace
from time import gmtime

import pytest

from charter_engine.contracts.moments import Mistyped
from charter_engine.contracts.series import Tick
from charter_tui.alerts import Alert, parse_threshold, standing
from charter_tui.present.advice import advice_lines, advice_standing
from charter_tui.present.header import title_lines
from charter_tui.present.spans import text_of
from charter_tui.state import Snapshot
from tests.tui.scene import START

SLOW = parse_threshold("ttft > 2s for 5s")
FULL = parse_threshold("pool > 95 %")


def ticks(*ttft_ms: float | None) -> tuple[Tick, ...]:
    """A tick a second, the last at `START`."""
    first = START - len(ttft_ms) + 1
    return tuple(Tick(at=first + at, ttft_ms=value) for at, value in enumerate(ttft_ms))


@pytest.mark.parametrize(
    ("text", "figure", "above", "value", "seconds"),
    [
        ("ttft > 2s", "ttft", True, 2000.0, 10.0),
        ("hit<40%  for 1m30s", "hit", False, 0.4, 90.0),
        ("computed > 12,000", "computed", True, 12_000.0, 10.0),
        ("waiting > 0 for 0", "waiting", True, 0.0, 0.0),
    ],
)
def test_a_threshold_is_a_figure_a_value_and_a_time(
    text: str, figure: str, above: bool, value: float, seconds: float
) -> None:
    assert parse_threshold(text)[1:] == (figure, above, value, seconds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ttft", "not a threshold such as"),
        ("ttft = 2s", "not a threshold such as"),
        ("tft > 2s", "did you mean 'ttft'"),
        ("speed > 2s", "there are computed, ttft"),
        ("hit < 2s", "not a share"),
        ("ttft > 2s for ever", "not a duration"),
        ("waiting > many", "not a number"),
    ],
)
def test_what_is_no_threshold_is_refused_with_what_would_be(text: str, said: str) -> None:
    with pytest.raises(Mistyped, match=said):
        parse_threshold(text)


@pytest.mark.parametrize(
    ("ttft_ms", "alerts"),
    [
        ((2500.0,) * 6, True),
        ((100.0, *(2500.0,) * 5), True),
        ((2500.0, None, None, None, None, 2500.0), True),
        ((2500.0,) * 5, False),
        ((*(2500.0,) * 5, 100.0), False),
        ((2500.0, 2500.0, 2000.0, 2500.0, 2500.0, 2500.0), False),
        ((None,) * 6, False),
        ((), False),
    ],
    ids=str,
)
def test_an_alert_stands_where_every_second_that_told_was_beyond(
    ttft_ms: tuple[float | None, ...], alerts: bool
) -> None:
    assert bool(standing((SLOW,), ticks(*ttft_ms), ())) is alerts


def test_an_alert_that_stands_keeps_since_when_and_ends_with_its_reason() -> None:
    since = (Alert(SLOW, START - 60),)
    assert standing((SLOW, FULL), ticks(*(2500.0,) * 6), since) is since
    assert standing((SLOW, FULL), ticks(*(100.0,) * 6), since) == ()


def test_an_alert_stands_in_the_top_line_and_first_of_the_advice() -> None:
    shown = Snapshot(ticks=ticks(2500.0, None), alerts=(Alert(SLOW, START),))
    assert "▲ ttft: 9" in text_of(title_lines(shown, "graph", "", 120)[0])
    assert advice_standing(shown, None).state.text == "▲ 1 alert"
    heading, alert, *_ = advice_lines(shown, None, 100, gmtime)
    assert text_of(heading) == "▲ Alerts"
    assert text_of(alert) == "  ttft > 2s for 5s  since 14:13:20  =2.50 s"
    several = replace(shown, alerts=(*shown.alerts, Alert(FULL, START)))
    assert "▲ 2 alerts: 9" in text_of(title_lines(several, "graph", "", 120)[0])
