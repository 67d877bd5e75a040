"""Requests on record, found by what they cost."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.api.runs import find_requests
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.request_query import RequestQuery
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import UsageError
from charter_engine.store.database import Store


def sent(number: int, **fields: object) -> RequestRecord:
    told = RequestRecord(
        run="r", node="Agent.step:out", item=number, started_at=100.0 + number, prompt_tokens=100
    )
    return replace(told, **fields)


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    path = tmp_path / "charter.db"
    requests = (
        sent(0, latency_ms=10.0, reused_tokens=90),
        sent(1, latency_ms=900.0, reused_tokens=20, node="Agent.plan:out"),
        sent(2, error="refused", request_id="r-2"),
    )
    report = RunReport(
        run="r",
        agent="a.py",
        variant="plan",
        state="done",
        items=3,
        elapsed_ms=1.0,
        nodes=(),
        requests=requests,
    )
    passed = [
        TrafficRecord(
            at=101.5, sequence=0, node="Agent.step:out", source="program", request_id="q-1"
        ),
        TrafficRecord(at=101.7, sequence=1, node="Agent.step:out", source="run", run="r"),
    ]
    async with Store(path) as store:
        await store.save_run(await store.begin_session("a.py", "local"), report)
        await store.save_traffic("local", "tap", passed)
    return path


async def moments(database: Path, **asked: object) -> list[float]:
    query = RequestQuery(**asked)  # type: ignore[arg-type]
    return [one.started_at for one in (await find_requests(query, database)).requests]


async def test_all_are_found_the_latest_first_and_a_runs_own_once(database: Path) -> None:
    assert await moments(database) == [102.0, 101.5, 101.0, 100.0]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"failed": True}, [102.0]),
        ({"slower_than_ms": 500.0}, [101.0]),
        ({"computed_more_than": 10}, [101.0]),
        ({"node": "plan:out"}, [101.0]),
        ({"node": "Agent.step:out", "since": 101.2}, [102.0, 101.5]),
        ({"run": 1}, [102.0, 101.0, 100.0]),
        ({"node": "nobody"}, []),
        ({"request_id": "q-1"}, [101.5]),
        ({"request_id": "r-2"}, [102.0]),
    ],
)
async def test_they_are_found_by(
    database: Path, asked: dict[str, object], found: list[float]
) -> None:
    assert await moments(database, **asked) == found


async def test_that_there_are_more_is_told(database: Path) -> None:
    found = await find_requests(RequestQuery(limit=2), database)
    assert ([one.started_at for one in found.requests], found.more) == ([102.0, 101.5], True)


async def test_a_run_that_there_is_not_is_refused(database: Path) -> None:
    with pytest.raises(UsageError, match="there is no run 9"):
        await find_requests(RequestQuery(run=9), database)
