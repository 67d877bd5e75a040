"""What earlier versions wrote is understood: plans, recordings, databases, both sides' messages."""

import shutil
from math import inf
from pathlib import Path

import pytest

from charter_engine.contracts.commands import Subscribe
from charter_engine.contracts.gauges import Gauge, Session
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.protocol import Failure, Goodbye, Response
from charter_engine.plan.plan_file import read_plan
from charter_engine.service.protocol import FrameSplitter, decode_message, decode_request
from charter_engine.store.database import Store
from charter_engine.store.maintenance import check
from charter_engine.store.recording_reader import RecordingReader

FORMATS = Path(__file__).parents[1] / "fixtures" / "formats"
FOLDERS = sorted(path for path in FORMATS.iterdir() if path.is_dir())
CALLS = [
    f"DocumentProcessor.process:{name}" for name in ("entities", "validation", "classification")
]
of_each_version = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


def payloads(path: Path) -> list[bytes]:
    return FrameSplitter().feed(path.read_bytes())


@of_each_version
def test_a_plan_says_what_it_said(folder: Path) -> None:
    plan = read_plan((folder / "plan.yaml").read_text("utf-8"), "plan.yaml")
    assert list(plan.nodes) == CALLS
    assert plan.nodes[CALLS[1]].layout == "append-only"
    assert plan.nodes[CALLS[1]].extends == CALLS[0]
    assert plan.nodes[CALLS[2]].why["layout"].label == "predicted"


@of_each_version
def test_a_recording_is_whole_and_shows_its_session_and_requests(folder: Path) -> None:
    recording = RecordingReader(folder / "recording.charter")
    messages = list(recording.messages())
    assert recording.damaged == ""
    assert {tick.gpu_memory_used for tick in recording.ticks_until(inf, 10)} <= {None}
    requests = [message for message in messages if isinstance(message, RequestRecord)]
    assert [request.node for request in requests].count(CALLS[0]) == 2
    assert sum(request.prompt_tokens or 0 for request in requests) == 1779
    sessions = [
        message.payload
        for message in messages
        if isinstance(message, Gauge) and isinstance(message.payload, Session)
    ]
    assert sessions[-1].compiled is not None
    assert [call.id for call in sessions[-1].compiled.calls] == CALLS


@of_each_version
async def test_a_database_is_brought_to_todays_schema_with_what_it_holds(
    folder: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(folder / "charter.db", tmp_path / "charter.db"))
    async with Store(path) as database:
        (report,) = await database.runs()
        assert len(await database.requests(report.run)) == 6
        (kept,) = await database.kept_runs()
        assert kept.number == 1
    assert check(path).problems == ()


@of_each_version
def test_an_earlier_consoles_requests_are_understood(folder: Path) -> None:
    requests = [decode_request(payload) for payload in payloads(folder / "console.frames")]
    assert [request.id for request in requests] == list(range(1, len(requests) + 1))
    assert isinstance(requests[0].command, Subscribe)


@of_each_version
def test_an_earlier_engines_messages_are_understood(folder: Path) -> None:
    messages = [decode_message(payload) for payload in payloads(folder / "engine.frames")]
    assert [type(message) for message in messages[-3:]] == [Response, Failure, Goodbye]
    told = {type(message.payload) for message in messages if isinstance(message, Gauge)}
    assert Session in told
    assert len(told) >= 7
