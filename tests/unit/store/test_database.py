"""The database: a real SQLite file.

It is kept by one or two engines, damaged, full, or from the future.
"""

import asyncio
import sqlite3
from pathlib import Path

import aiosqlite
import pytest
from msgspec.structs import replace

from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.keeping import StoreLimits
from charter_engine.contracts.live import NodeStats, RequestRecord, RunReport
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.store import database
from charter_engine.store.database import MIGRATIONS, Store, StoreError
from charter_engine.store.maintenance import check


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "charter.db"


def report(run: str = "r1", requests: int = 2) -> RunReport:
    records = tuple(
        RequestRecord(run=run, node="A.b", item=n, started_at=float(n)) for n in range(requests)
    )
    return RunReport(
        run=run,
        agent="a.py",
        variant="plan",
        state="done",
        items=requests,
        elapsed_ms=5.0,
        nodes=(NodeStats(node="A.b", requests=requests),),
        requests=records,
    )


def revision(number: int, deployment: str = "local") -> Revision:
    return Revision(
        number=number,
        created_at=1.0,
        deployment=deployment,
        agent="a.py",
        plan=Plan(agent="a.py"),
        note="n",
    )


async def test_a_run_comes_back_with_its_requests(path: Path) -> None:
    async with Store(path) as store:
        session = await store.begin_session("a.py", "local")
        await store.save_run(session, report())
    async with Store(path) as store:
        (run,) = await store.runs(session)
        assert replace(run, requests=await store.requests("r1")) == report()


async def test_a_run_has_its_number_from_its_beginning_and_is_listed_once_it_is_saved(
    path: Path,
) -> None:
    async with Store(path) as store:
        session = await store.begin_session("a.py", "local")
        first = await store.begin_run(session, "r1")
        assert await store.begin_run(session, "r2") == first + 1
        assert (await store.runs(), await store.kept_runs()) == ((), ())
        assert await store.kept_run(first) is None
        assert await store.save_run(session, report("r1")) == first
        (kept,) = await store.kept_runs()
        assert (kept.number, kept.report.run) == (first, "r1")
    assert check(path).problems == ()


async def test_revisions_belong_to_their_deployment_and_keep_their_order(path: Path) -> None:
    async with Store(path) as store:
        for number in (2, 1):
            await store.save_revision(revision(number))
        await store.save_revision(revision(7, "elsewhere"))
        assert await store.revisions("local") == (revision(1), revision(2))


async def test_a_revisions_new_state_replaces_the_old(path: Path) -> None:
    async with Store(path) as store:
        await store.save_revision(revision(1))
        await store.save_revision(replace(revision(1), state="superseded"))
        assert [item.state for item in await store.revisions("local")] == ["superseded"]


async def test_two_engines_opening_and_writing_at_once_lose_nothing(path: Path) -> None:
    async def work(name: str) -> None:
        async with Store(path) as store:
            session = await store.begin_session(name, "local")
            for number in range(10):
                await store.save_run(session, report(f"{name}-{number}"))

    await asyncio.gather(work("one"), work("two"))
    async with Store(path) as store:
        assert len(await store.runs()) == 20


@pytest.mark.parametrize(
    "content", [b"this is not a database" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
async def test_a_damaged_file_is_moved_aside_and_said(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    async with Store(path) as store:
        assert "damaged" in store.notice
        assert await store.runs() == ()
    (aside,) = path.parent.glob("*.damaged-*.db")
    assert aside.read_bytes() == content


async def test_a_file_of_a_newer_release_is_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer Charter"):
        async with Store(path):
            pass
    assert not list(path.parent.glob("*.damaged-*"))


async def test_a_full_disk_fails_the_write_and_keeps_what_was_there(path: Path) -> None:
    async with Store(path) as store:
        session = await store.begin_session("a.py", "local")
        await store.save_run(session, report("kept"))
        await store._open.execute("PRAGMA max_page_count = 1")
        with pytest.raises(StoreError, match="disk is full"):
            await store.save_run(session, report("lost", requests=5_000))
        assert [run.run for run in await store.runs()] == ["kept"]
        assert await store.requests("lost") == ()


async def test_a_damaged_file_on_a_full_disk_is_an_error_of_the_store(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"no database" * 1000)
    connect = database.connect

    async def connect_to_what_is_there(which: Path) -> aiosqlite.Connection:
        if not which.exists():
            raise sqlite3.OperationalError("database or disk is full")
        return await connect(which)

    monkeypatch.setattr(database, "connect", connect_to_what_is_there)
    with pytest.raises(StoreError, match="a new one can't be begun: database or disk is full"):
        await Store(path).__aenter__()


def passed(*numbers: int) -> list[TrafficRecord]:
    return [TrafficRecord(at=100.0 + number, sequence=number) for number in numbers]


async def test_traffic_is_kept_once_however_often_it_is_told_of(path: Path) -> None:
    async with Store(path) as store:
        await store.save_traffic("local", "tap", passed(1, 2))
        await store.save_traffic("local", "tap", passed(1, 2, 3))
        await store.save_traffic("elsewhere", "tap", passed(4))
        assert list(await store.traffic("local")) == passed(1, 2, 3)


async def test_traffic_is_looked_back_on_from_a_moment_the_latest_where_there_is_much(
    path: Path,
) -> None:
    async with Store(path) as store:
        await store.save_traffic("local", "tap", passed(*range(10)))
        assert list(await store.traffic("local", since=107.0)) == passed(7, 8, 9)
        assert list(await store.traffic("local", since=103.0, most=2)) == passed(8, 9)


async def test_the_oldest_traffic_of_a_deployment_goes_for_want_of_room(path: Path) -> None:
    async with Store(path, StoreLimits(traffic=3)) as store:
        await store.save_traffic("elsewhere", "tap", passed(0))
        await store.save_traffic("local", "tap", passed(*range(5)))
        assert list(await store.traffic("local")) == passed(2, 3, 4)
        assert list(await store.traffic("elsewhere")) == passed(0)


async def test_a_database_of_the_first_schema_is_brought_to_the_present_one(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0])
    connection.execute("PRAGMA user_version = 1")
    connection.execute("INSERT INTO session VALUES (1, 0.0, NULL, 'a.py', 'local')")
    connection.commit()
    connection.close()
    async with Store(path) as store:
        await store.save_run(1, report())
        await store.save_traffic("local", "tap", passed(1))
        assert len(await store.runs(1)) == 1
        assert list(await store.traffic("local")) == passed(1)
