"""What others do to a deployment is told once."""

from types import SimpleNamespace
from typing import Any, cast

from charter_engine.contracts.deploy import Change
from charter_engine.contracts.gauges import Event
from charter_engine.service.drifting import DriftWatch
from charter_engine.service.hub import Hub
from charter_engine.service.session import SessionGauge
from charter_engine.triton.release import BLS_PLAN

CUT_SHORT = "the push of revision 3 was cut short"
WORDS = "in the patient's words"


class FakeDeployer:
    """Says what a test sets."""

    is_busy = False

    def __init__(self) -> None:
        self.told = ""
        self.changes: tuple[Change, ...] = ()

    def interruption(self) -> str:
        return self.told

    def recorded(self) -> Any:
        return SimpleNamespace(number=2)

    async def foreign_changes(self) -> tuple[Change, ...]:
        return self.changes


class Watched:
    """A watch on such a deployment, which looks whenever it is asked to."""

    def __init__(self, *, keeps_text: bool = True) -> None:
        self.deployer = FakeDeployer()
        self.events: list[str] = []
        hub = Hub()
        hub.taps.append(self._heard)
        self.session = SessionGauge(hub, read_only=False)
        deployment = cast(Any, SimpleNamespace(started=True, revisions=self.deployer))
        ever_later = iter(range(0, 1000, 10)).__next__
        self.watch = DriftWatch(hub, self.session, deployment, ever_later, keeps_text=keeps_text)

    def _heard(self, told: object) -> None:
        if isinstance(told, Event):
            self.events.append(told.text)

    async def look(self) -> list[str]:
        """What a look tells."""
        self.events.clear()
        await self.watch.look()
        return list(self.events)


def changed(place: str, old: str, new: str) -> Change:
    return Change(place=place, key="k", old=old, new=new, cost="plan reload", loses="nothing")


async def test_a_push_that_was_cut_short_is_told_once_and_as_no_drift() -> None:
    watched = Watched()
    watched.deployer.told = CUT_SHORT
    watched.deployer.changes = (changed("charter_bls", "1", "2"),)
    assert await watched.look() == [CUT_SHORT]
    assert await watched.look() == []
    assert watched.session.value.drift == ()


async def test_drift_is_told_with_both_values() -> None:
    watched = Watched()
    watched.deployer.changes = (changed(BLS_PLAN, WORDS, f"{WORDS}!"),)
    (told,) = await watched.look()
    assert f"is {WORDS}!, not {WORDS}" in told
    assert await watched.look() == []


async def test_what_stands_in_the_plan_is_not_quoted_where_no_text_is_kept() -> None:
    watched = Watched(keeps_text=False)
    watched.deployer.changes = (changed(BLS_PLAN, WORDS, f"{WORDS}!"),)
    (told,) = await watched.look()
    assert WORDS not in told
