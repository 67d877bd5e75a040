"""What the console keeps of what an engine tells."""

import pytest

from charter_engine.contracts.gauges import TOPIC_OF, Gauge, Host, Payload, Ticked, TokenParts
from charter_tui.state import Snapshot, apply_gauges
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


@pytest.mark.parametrize("kind", [kind for kind in TOPIC_OF if kind not in {TokenParts, Ticked}])
def test_every_other_topic_has_its_place(kind: type) -> None:
    assert TOPIC_OF[kind] in Snapshot.__dataclass_fields__
