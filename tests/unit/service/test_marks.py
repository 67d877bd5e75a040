"""An operator's notes and what happened to the deployment, on the time axis."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from charter_engine.contracts.gauges import Event, EventKind, Gauge, Marker
from charter_engine.contracts.live import RequestRecord
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.marks import LONGEST_NOTE, Marks
from charter_engine.service.session_store import SessionStore
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000.0)


@pytest.fixture
def hub(clock: Clock) -> Hub:
    return Hub(clock)


@pytest.fixture
async def store(hub: Hub, tmp_path: Path) -> AsyncIterator[SessionStore]:
    store = SessionStore(hub)
    await store.open(tmp_path / "charter.db", "", "local")
    yield store
    await store.close()


async def test_a_note_is_an_event_and_a_mark_of_its_moment(hub: Hub, store: SessionStore) -> None:
    told: list[Gauge | Event | RequestRecord] = []
    marks = Marks(hub, store)
    hub.taps.append(told.append)
    marks.note("  a new\nversion went out ", "A.plan")
    (event,) = told
    assert isinstance(event, Event)
    assert (event.kind, event.text, event.node) == ("note", "a new version went out", "A.plan")
    assert await marks.before(None, 60, 10) == (
        Marker(1_000.0, "note", "a new version went out", "info", "A.plan"),
    )


@pytest.mark.parametrize("text", ["", " \n ", "x" * (LONGEST_NOTE + 1)])
async def test_a_note_is_a_line(text: str, hub: Hub, store: SessionStore) -> None:
    with pytest.raises(UsageError, match="note"):
        Marks(hub, store).note(text)


async def test_what_happened_to_the_deployment_is_marked_and_single_requests_are_not(
    hub: Hub, store: SessionStore
) -> None:
    marks = Marks(hub, store)
    kinds: tuple[EventKind, ...] = ("failure", "push", "compile", "rollback", "run")
    for kind in kinds:
        hub.event(kind, f"a {kind}")
    assert [one.kind for one in await marks.before(None, 60, 10)] == ["push", "rollback"]


async def test_marks_of_an_earlier_engine_stand_with_those_since_each_once(
    hub: Hub, clock: Clock, store: SessionStore
) -> None:
    first, second = Marks(hub, store), Marks(hub, store)
    first.note("before")
    await first.stop()
    clock.now += 10
    second.note("since")
    assert [one.text for one in await second.before(None, 60, 10)] == ["before", "since"]
    assert [one.text for one in await second.before(None, 60, 1)] == ["since"]
    assert [one.text for one in await second.before(1_005.0, 60, 10)] == ["before"]


async def test_what_the_database_does_not_take_is_offered_again(
    hub: Hub, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charter_engine.service.session_store.RESTING_SECONDS", 0.0)
    marks = Marks(hub, store)
    marks.note("worth remembering")
    assert store._store is not None
    await store._store._open.execute("PRAGMA query_only = ON")
    await marks.keep()
    assert len(await marks.before(None, 60, 10)) == 1
    await store._store._open.execute("PRAGMA query_only = OFF")
    await marks.keep()
    assert [one.text for one in await store.marks(0, 2_000, 10)] == ["worth remembering"]


async def test_words_of_a_server_are_left_out_where_no_text_is_kept_and_a_note_stays(
    hub: Hub, store: SessionStore
) -> None:
    marks = Marks(hub, store, keeps_text=False)
    hub.event("push", "the prompt 'secret' was refused", level="error")
    marks.note("my own words")
    assert [one.text for one in await marks.before(None, 60, 10)] == ["(not kept)", "my own words"]
