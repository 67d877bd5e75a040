"""`charter-engine store` and `requests`: what they print, and how they end."""

import asyncio
import json
from pathlib import Path

import pytest

from charter_engine.cli import main
from charter_engine.paths import database_path
from charter_engine.store.database import Store
from tests.unit.store.test_database import report


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path))


@pytest.fixture
def database() -> Path:
    async def fill() -> None:
        async with Store(database_path()) as store:
            session = await store.begin_session("a.py", "embedded")
            await store.save_run(session, report(requests=3))

    asyncio.run(fill())
    return database_path()


@pytest.mark.parametrize("action", ["status", "check", "vacuum", "backup"])
def test_where_nothing_is_kept_yet_that_is_said(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = [str(tmp_path / "copy.db")] if action == "backup" else []
    assert main(["store", action, *target]) == 2
    assert "there is no database" in capsys.readouterr().err


def test_a_status_lists_what_is_kept(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "status"]) == 0
    assert "kept: 30 days" in capsys.readouterr().out
    assert main(["store", "status", "--json"]) == 0
    tables = {one["name"]: one["rows"] for one in json.loads(capsys.readouterr().out)["tables"]}
    assert (tables["run"], tables["request"]) == (1, 3)


def test_a_check_ends_with_1_and_says_what_to_do_where_something_cannot_be_read(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "check"]) == 0
    assert "whole, 4 records" in capsys.readouterr().out
    database.write_bytes(database.read_bytes()[:6_000])
    assert main(["store", "check"]) == 1
    told = capsys.readouterr().err
    assert "bytes of its end are missing" in told
    assert "move it away" in told


def test_a_backup_is_a_database_and_never_replaces_a_file(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert main(["store", "backup", str(copy)]) == 0
    assert main(["store", "backup", str(copy)]) == 2
    copy.replace(database)
    assert main(["store", "check"]) == 0


def test_a_vacuum_tells_what_it_gave_back(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "vacuum", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["forgotten"] == 0
    assert told["bytes_after"] <= told["bytes_before"]


def test_requests_are_found_by_options(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["requests", "--node", "b", "--limit", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert ([one["item"] for one in told["requests"]], told["more"]) == ([2, 1], True)
    assert main(["requests", "--failed"]) == 0
    assert "no such request is on record" in capsys.readouterr().out
