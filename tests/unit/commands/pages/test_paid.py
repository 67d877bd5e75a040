"""What a report says first: what is paid, before and after, with its interval."""

import pytest

from charter_engine.commands.pages.paid import paid, paid_by_requests
from charter_engine.contracts.request_figures import FigureDifference


def difference(low: float | None, high: float | None, **fields: object) -> FigureDifference:
    told = {"figure": "computed tokens", "before": 800.0, "after": 400.0, "difference": -400.0}
    return FigureDifference(low=low, high=high, **{**told, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [(-500.0, -300.0, "tile better"), (300.0, 500.0, "tile worse"), (-500.0, 20.0, "tile")],
)
def test_a_figure_stands_before_and_after_and_is_better_beyond_chance_alone(
    low: float, high: float, kind: str
) -> None:
    shown = paid(paid_by_requests([difference(low, high)]))
    assert "800.0 → 400.0" in shown
    assert f'class="{kind}"' in shown
    assert ("may be chance" in shown) == (kind == "tile")
    assert f"95 % within {low / 800:+.0%} to {high / 800:+.0%}" in shown


def test_without_an_interval_that_is_said() -> None:
    assert "too few requests for an interval" in paid(paid_by_requests([difference(None, None)]))


def test_of_single_nodes_and_of_what_is_not_known_nothing_is_said_first() -> None:
    unknown = difference(None, None, before=None, after=None, difference=None)
    assert paid(paid_by_requests([difference(-1.0, 1.0, node="A.plan"), unknown])) == ""
