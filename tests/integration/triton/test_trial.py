"""A layout tried on a share of the sessions, on a real Triton."""

import asyncio
import shlex
import sys
from pathlib import Path

import pytest

from charter_engine.api import trials
from charter_engine.bls.laying import IN_CONTROL
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.contracts.trial import StartTrial, TrialMargins, TrialReport, TrialRequest
from charter_engine.errors import CharterError, UsageError
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import GenerateRequest
from charter_engine.triton.tap import TapReader
from tests.integration.triton.conftest import Served

AGENT = """
class Desk:
    def __init__(self, client):
        self.client = client

    def answer(self, report):
        return self.client.generate(f"Report: {report}\\nSummarise the report.", max_tokens=4)
"""
SESSIONS = 96
CHECK = shlex.join([sys.executable, "-c", "import sys\nfor line in sys.stdin: print('true')"])


@pytest.fixture
def triton(served: Served) -> TritonOptions:
    return TritonOptions(url=served.state.grpc_url, repository=served.repository)


@pytest.fixture
def plan(tmp_path: Path) -> str:
    """A plan that puts the task in front of the report."""
    (tmp_path / "desk.py").write_text(AGENT)
    path = tmp_path / "plan.yaml"
    path.write_text(
        "agent: desk.py\nnodes:\n  Desk.answer:7:\n    layout: prefix-first\n    order: [2, 0, 1]\n"
    )
    return str(path)


async def ask(client: TritonClient, session: int) -> None:
    text = f"Report: number {session}\nSummarise the report."
    await client.generate(GenerateRequest(text=text, max_tokens=4, session=f"s{session}"))


async def asked(client: TritonClient) -> list[TrafficRecord]:
    """Have many sessions ask; what the tap tells of them."""
    reader = TapReader(client)
    await reader.drain()
    for begin in range(0, SESSIONS, 8):
        await asyncio.gather(*(ask(client, begin + number) for number in range(8)))
    records: list[TrafficRecord] = []
    async with asyncio.timeout(60):
        while len(records) < SESSIONS:
            records += (await reader.drain()).records
            await asyncio.sleep(0.05)
    return records


def by_session(records: list[TrafficRecord]) -> dict[str, str | None]:
    return {record.session: record.arm for record in records}


async def watched(triton: TritonOptions, margins: TrialMargins) -> list[TrialReport]:
    async with asyncio.timeout(60):
        return [report async for report in trials.watch(TrialRequest(margins=margins), triton)]


async def test_a_share_needs_a_plan_that_lays_out_traffic(
    client: TritonClient, triton: TritonOptions
) -> None:
    with pytest.raises(CharterError, match="applies to traffic"):
        await trials.set_share(0.5, triton)


async def test_a_trial_treats_a_share_of_the_sessions_and_stops_itself_where_they_fare_worse(
    client: TritonClient, triton: TritonOptions, plan: str
) -> None:
    await trials.start(StartTrial(plan=plan, share=0.4), triton)
    first = await asked(client)
    assert {(item.arm, item.laid_out, item.layout_reason) for item in first} == {
        ("treated", True, ""),
        ("control", False, IN_CONTROL),
    }
    status = await trials.status(TrialRequest(check=CHECK), triton)
    assert status.treated.requests + status.control.requests == SESSIONS
    assert status.treated.checked == status.treated.passed == status.treated.requests
    assert status.stop == ""

    await trials.set_share(0.6, triton)
    second = await asked(client)
    arms = by_session(second)
    treated = {session for session, arm in by_session(first).items() if arm == "treated"}
    assert all(arms[session] == "treated" for session in treated)
    assert sum(arm == "treated" for arm in arms.values()) > len(treated)

    (report,) = await watched(triton, TrialMargins(total=-0.99))
    assert report.stopped is not None and report.stopped.ok
    assert "whole latency" in report.stop
    records = await asked(client)
    assert {record.arm for record in records} == {"control"}


async def test_where_no_layout_applies_to_traffic_there_is_no_trial(
    client: TritonClient, triton: TritonOptions, plan: str, tmp_path: Path
) -> None:
    as_written = tmp_path / "as_written.yaml"
    as_written.write_text("agent: desk.py\nnodes: {}\n")
    with pytest.raises(UsageError, match="lays out no prompt"):
        await trials.start(StartTrial(plan=str(as_written), share=0.4), triton)
    with pytest.raises(UsageError, match="is no share"):
        await trials.start(StartTrial(plan=plan, share=1.5), triton)
