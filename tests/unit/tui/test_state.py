"""What the console keeps of what an engine tells."""

import pytest

from charter_engine.contracts.gauges import (
    TOPIC_OF,
    Gauge,
    Host,
    Nodes,
    Payload,
    Ticked,
    TokenParts,
)
from charter_engine.contracts.live import NodeStats
from charter_tui.state import Snapshot, apply_gauges
from charter_tui.trends import KEPT_LOOKS
from tests.tui.scene import GAUGES

HOST = next(payload for payload in GAUGES if isinstance(payload, Host))


def applied(*payloads: Payload) -> Snapshot:
    return apply_gauges(
        Snapshot(), [Gauge(at=1.0, epoch=0, payload=payload) for payload in payloads]
    )


def test_what_no_screen_shows_keeps_nothing_else_from_being_shown() -> None:
    assert applied(TokenParts(), HOST).host is HOST


def test_what_no_screen_shows_changes_nothing() -> None:
    before = Snapshot()
    assert apply_gauges(before, [Gauge(at=1.0, epoch=0, payload=TokenParts())]) is before


def looked_at(*totals: NodeStats) -> Snapshot:
    """A snapshot after one look after another at the same call."""
    snapshot = Snapshot()
    for stats in totals:
        snapshot = apply_gauges(snapshot, [Gauge(at=1.0, payload=Nodes((stats,)))])
    return snapshot


def total(requests: int, computed: int) -> NodeStats:
    told = 100 * requests
    return NodeStats(
        node="call", requests=requests, told_tokens=told, reused_tokens=told - computed
    )


def test_a_trend_has_what_the_requests_between_two_looks_computed_each() -> None:
    looks = total(2, 160), total(3, 190), total(3, 190), total(5, 200)
    assert looked_at(*looks).shown_trends == {"call": (80.0, 30.0, 5.0)}


def test_a_trend_begins_anew_where_totals_were_counted_anew() -> None:
    assert looked_at(total(2, 160), total(1, 90)).shown_trends == {"call": (90.0,)}


def test_a_trend_keeps_the_latest_looks() -> None:
    looks = [total(number, 10 * number) for number in range(1, KEPT_LOOKS + 6)]
    assert looked_at(*looks).shown_trends == {"call": (10.0,) * KEPT_LOOKS}


@pytest.mark.parametrize("kind", [kind for kind in TOPIC_OF if kind not in {TokenParts, Ticked}])
def test_every_other_topic_has_its_place(kind: type) -> None:
    assert TOPIC_OF[kind] in Snapshot.__dataclass_fields__
