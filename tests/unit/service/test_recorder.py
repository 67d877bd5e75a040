"""A recording of what the hub tells."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from charter_engine.contracts.live import NodeStats, RequestRecord, RunProgress
from charter_engine.contracts.protocol import Nodes, Run
from charter_engine.service import recorder as module
from charter_engine.service.hub import Hub
from charter_engine.service.recorder import Recorder
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.recording_writer import RecordingWriter


async def test_a_recording_begins_when_it_was_started_however_old_the_state_is(
    tmp_path: Path,
) -> None:
    now = 1000.0
    hub = Hub(lambda: now)
    hub.publish(Run(RunProgress()))
    now = 5000.0
    recorder = Recorder(hub)
    await recorder.start(tmp_path / "late.charter")
    await recorder.stop()
    assert RecordingReader(tmp_path / "late.charter").start == 5000.0


async def test_a_stop_waits_for_what_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing: list[int] = []
    most: list[int] = []

    class SlowWriter(RecordingWriter):
        def write(self, messages: Any) -> None:
            writing.append(1)
            most.append(len(writing))
            time.sleep(0.2)
            super().write(messages)
            writing.pop()

    monkeypatch.setattr(module, "RecordingWriter", SlowWriter)
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.01)
    hub = Hub()
    recorder = Recorder(hub)
    await recorder.start(tmp_path / "r.charter")
    await asyncio.sleep(0.1)
    hub.event("engine", "something happened")
    await recorder.stop()
    assert max(most) == 1
    assert RecordingReader(tmp_path / "r.charter").damaged == ""


async def test_no_word_of_a_prompt_or_an_answer_is_recorded_where_no_text_is_kept(
    tmp_path: Path,
) -> None:
    words = "in the patient's words"
    hub = Hub()
    recorder = Recorder(hub, keeps_text=False)
    await recorder.start(tmp_path / "r.charter")
    hub.publish(Nodes((NodeStats(node="n", output_text=words, reason=words),)))
    hub.event("failure", words, level="error", node="n")
    hub.request(RequestRecord(run="r", node="n", item=0, started_at=1.0, error=words))
    await recorder.stop()
    messages = list(RecordingReader(tmp_path / "r.charter").messages())
    assert {"Gauge", "Event", "RequestRecord"} <= {type(message).__name__ for message in messages}
    assert words not in repr(messages)
