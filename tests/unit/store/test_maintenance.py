"""The database checked, copied and made smaller: whole, half, damaged, full, locked, in use."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from charter_engine.contracts.keeping import StoreLimits
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.store import database, maintenance
from charter_engine.store.database import SCHEMA_VERSION, Store, StoreError
from tests.unit.store.test_database import report, revision

PAGE = 4_096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "charter.db"


@pytest.fixture
async def filled(path: Path) -> Path:
    async with Store(path) as store:
        session = await store.begin_session("a.py", "local")
        await store.save_run(session, report(requests=500))
        await store.save_revision(revision(1))
    return path


@pytest.fixture
def holder(filled: Path) -> Iterator[sqlite3.Connection]:
    """Another program, in the middle of a write."""
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.rollback()


def half(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def spoil_a_record(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE request SET record = x'c1' WHERE item = 7")
        connection.commit()


def spoil_a_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // PAGE // 2 * PAGE)
        file.write(b"\xff" * PAGE)


def from_the_future(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def no_database(path: Path) -> None:
    path.write_bytes(b"notes" * 1_000)


async def test_what_is_whole_is_said_to_be_with_all_its_records(filled: Path) -> None:
    found = maintenance.check(filled)
    assert (found.problems, found.records, found.schema) == ((), 502, SCHEMA_VERSION)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (half, "bytes of its end are missing"),
        (spoil_a_record, "request, record 8"),
        (spoil_a_page, "malformed"),
        (from_the_future, "newer Charter"),
        (no_database, "not a database"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_changed(
    filled: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(filled)
    content = filled.read_bytes()
    problems = maintenance.check(filled).problems
    assert any(said in problem for problem in problems), problems
    assert filled.read_bytes() == content


async def test_a_database_that_is_being_written_to_can_be_checked_and_copied(
    filled: Path, holder: sqlite3.Connection, tmp_path: Path
) -> None:
    assert maintenance.check(filled).problems == ()
    copy = tmp_path / "copy.db"
    assert maintenance.backup(filled, copy) == copy.stat().st_size
    assert maintenance.check(copy).records == 502


async def test_a_copy_is_one_private_file_and_holds_what_was_committed_last(
    path: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / "copy.db"
    copy.parent.mkdir()
    async with Store(path) as store:
        session = await store.begin_session("a.py", "local")
        await store.save_run(session, report(requests=3))
        await asyncio.to_thread(maintenance.backup, path, copy)
        await store.save_run(session, report("later"))
    assert [item.name for item in copy.parent.iterdir()] == ["copy.db"]
    assert copy.stat().st_mode & 0o777 == 0o600
    async with Store(copy) as store:
        assert [run.run for run in await store.runs()] == ["r1"]


async def test_a_copy_that_fails_leaves_nothing_behind(filled: Path, tmp_path: Path) -> None:
    half(filled)
    copy = tmp_path / "copy.db"
    with pytest.raises(StoreError, match="was not copied"):
        maintenance.backup(filled, copy)
    assert not copy.exists()
    assert [item for item in tmp_path.iterdir() if "copy" in item.name] == []


async def test_half_a_file_is_moved_aside_before_anything_is_written_to_it(filled: Path) -> None:
    half(filled)
    content = filled.read_bytes()
    async with Store(filled) as store:
        assert "bytes of its end are missing" in store.notice
        assert await store.runs() == ()
    (aside,) = filled.parent.glob("*.damaged-*.db")
    assert aside.read_bytes() == content


async def test_of_two_engines_that_find_it_damaged_one_moves_it_aside(path: Path) -> None:
    no_database(path)
    async with Store(path) as one, Store(path) as other:
        pass
    stores = await asyncio.gather(*(Store(path).__aenter__() for _ in range(2)))
    for store in (one, other, *stores):
        await store.__aexit__(None, None, None)
    assert len(list(path.parent.glob("*.damaged-*.db"))) == 1


async def test_both_of_two_engines_keep_what_they_write_after_damage(path: Path) -> None:
    no_database(path)

    async def work(name: str) -> None:
        async with Store(path) as store:
            await store.save_run(await store.begin_session(name, "local"), report(name))

    await asyncio.gather(work("one"), work("two"))
    async with Store(path) as store:
        assert {run.run for run in await store.runs()} == {"one", "two"}


async def test_a_locked_database_fails_the_write_and_says_who_is_to_blame(
    filled: Path, holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder.rollback()
    monkeypatch.setattr(database, "BUSY_MILLISECONDS", 20)
    async with Store(filled) as store:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is locked: another program"):
            await store.save_revision(revision(2))
        assert await store.revisions("local") == (revision(1),)
        holder.rollback()
        await store.save_revision(revision(2))


async def test_the_oldest_traffic_and_then_requests_go_where_there_is_no_room(path: Path) -> None:
    async with Store(path, StoreLimits(bytes=300_000, days=1_000_000)) as store:
        session = await store.begin_session("a.py", "local")
        await store.save_run(session, report(requests=1_500))
        records = [
            TrafficRecord(at=float(at), sequence=at, hashes=bytes(64)) for at in range(2_000)
        ]
        await store.save_traffic("local", "tap", records)
        assert await store.used_bytes() > 300_000
        assert await store.prune() > 0
        assert await store.used_bytes() <= 300_000
        assert await store.traffic("local") == ()
        assert [run.run for run in await store.runs()] == ["r1"]


async def test_room_goes_back_to_the_disk(path: Path) -> None:
    async with Store(path, StoreLimits(bytes=100_000)) as store:
        session = await store.begin_session("a.py", "local")
        await store.save_run(session, report(requests=3_000))
        await store.prune()
        await store.vacuum()
        assert path.stat().st_size < 150_000
    assert maintenance.check(path).problems == ()


async def test_a_status_tells_how_much_of_what_time_is_kept(filled: Path) -> None:
    tables = {table.name: table for table in maintenance.status(filled).tables}
    assert (tables["request"].rows, tables["request"].begin, tables["request"].end) == (500, 0, 499)
    assert tables["tick"].rows == 0
