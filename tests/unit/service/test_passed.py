"""What an engine knows of the traffic, and what it answers on it."""

from pathlib import Path

import pytest

from charter_engine.api.traffic import DeploymentTap
from charter_engine.contracts.commands import ExplainMiss, ListMisses, ListPassed
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.explaining import MissQuery, MissReport, MissResult
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.traffic import PassedRequests, TrafficBatch
from charter_engine.servers.deployment import Deployment
from charter_engine.service import session_store
from charter_engine.service.hub import Hub
from charter_engine.service.passed import Passed
from charter_engine.service.session_store import SessionStore
from charter_engine.store.database import StoreError
from tests.unit.traffic.records import record

POOL = KvPool(max_blocks=100, free_blocks=100, used_blocks=0, tokens_per_block=16)
NOWHERE = DeploymentTap(Deployment(TritonOptions(url="127.0.0.1:1")))
TOKENS = list(range(64))
BATCH = TrafficBatch(
    records=(
        record(TOKENS, at=100.0, sequence=0, session="s", reused_tokens=0),
        record([*TOKENS, 1, 2], at=101.0, sequence=1, session="s", reused_tokens=64),
    ),
    lost=2,
)


async def answer(passed: Passed, command: ListPassed | ListMisses | ExplainMiss) -> object:
    return await passed.answer(command, POOL, NOWHERE, ())


async def test_the_last_requests_are_listed_with_how_many_were_lost() -> None:
    passed = Passed(SessionStore(Hub()))
    await passed.take(BATCH)
    assert await answer(passed, ListPassed(last=1)) == PassedRequests(
        records=BATCH.records[1:], lost=2
    )


async def test_reading_anew_forgets_what_is_told_again() -> None:
    passed = Passed(SessionStore(Hub()))
    await passed.take(BATCH)
    passed.begin_anew()
    assert await answer(passed, ListPassed()) == PassedRequests()


async def test_misses_are_reported_and_a_request_is_explained() -> None:
    passed = Passed(SessionStore(Hub()))
    await passed.take(BATCH)
    report = await answer(passed, ListMisses())
    assert isinstance(report, MissReport)
    assert (report.requests, report.parts.total, report.parts.reused) == (2, 130, 64)
    result = await answer(passed, ExplainMiss(query=MissQuery(request="1")))
    assert isinstance(result, MissResult)
    (told,) = result.explanations
    assert (told.parts.reused, told.parts.new, told.session) == (64, 2, "s")


async def test_what_memory_no_longer_has_comes_from_the_database(tmp_path: Path) -> None:
    store = SessionStore(Hub())
    await store.open(tmp_path / "charter.db", "", "127.0.0.1:1")
    before = Passed(store)
    await before.take(BATCH)
    later = Passed(store)
    assert [item.sequence for item in (await later.since(100.5)).records] == [1]
    assert (await later.since()).records == ()
    await store.close()


async def test_only_what_was_not_seen_yet_is_told_and_without_hashes_where_none_are_wanted() -> (
    None
):
    passed = Passed(SessionStore(Hub()))
    await passed.take(BATCH)
    fresh = passed.last(10, BATCH.records[0].sequence, hashes=False).records
    assert [(one.sequence, one.hashes) for one in fresh] == [(BATCH.records[1].sequence, b"")]
    assert passed.last(10, BATCH.records[-1].sequence).records == ()
    assert passed.last(10, BATCH.records[-1].sequence + 9).records == BATCH.records


async def test_traffic_that_cannot_be_kept_makes_nobody_wait_each_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SessionStore(Hub())
    await store.open(tmp_path / "charter.db", "", "127.0.0.1:1")
    assert store._store is not None
    tried: list[int] = []

    async def locked(*_: object) -> None:
        tried.append(1)
        raise StoreError("locked")

    monkeypatch.setattr(store._store, "save_traffic", locked)
    for _ in range(3):
        await store.traffic(BATCH.records)
    assert len(tried) == 1
    monkeypatch.setattr(session_store, "RESTING_SECONDS", 0.0)
    await store.traffic(BATCH.records)
    assert len(tried) == 2
    await store.close()
