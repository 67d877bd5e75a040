"""What a console tells of whose its engine is, and of another that answers in its place."""

import pytest
from msgspec.structs import replace

from charter_tui.neighbours import news
from charter_tui.state import Link, Snapshot
from tests.tui.scene import SESSION

OTHER = replace(SESSION, agent="other.py")
NO_AGENT = replace(SESSION, agent=None)
OWNED, ATTACHED = Link("connected", owned=True), Link("connected")
LOST = Link("lost", "the engine ended", 1)
ANEW = Link("connected", anew=True)
TAKEN_OVER = Link("connected", owned=True, taken_over=True)
OWNED_ANEW = Link("connected", owned=True, anew=True)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (Snapshot(ATTACHED), Snapshot(TAKEN_OVER), "is this console's now"),
        (Snapshot(), Snapshot(TAKEN_OVER), "is this console's now"),
        (Snapshot(), Snapshot(OWNED), ""),
        (Snapshot(LOST, SESSION), Snapshot(OWNED_ANEW, NO_AGENT), "was started again"),
        (Snapshot(OWNED_ANEW, NO_AGENT), Snapshot(OWNED_ANEW, SESSION), ""),
        (Snapshot(LOST), Snapshot(OWNED_ANEW), ""),
        (Snapshot(LOST, SESSION), Snapshot(ANEW, OTHER), "with other.py open"),
        (Snapshot(LOST, SESSION), Snapshot(ANEW, NO_AGENT), "with no agent open"),
        (Snapshot(LOST, SESSION), Snapshot(ANEW, SESSION), ""),
        (Snapshot(ATTACHED, SESSION), Snapshot(LOST, SESSION), ""),
    ],
)
def test_a_console_says_what_changed_about_its_engine(
    before: Snapshot, after: Snapshot, told: str
) -> None:
    found = news(before, after)
    assert told in found
    assert bool(found) is bool(told)
