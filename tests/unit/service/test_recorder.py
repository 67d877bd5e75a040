"""A recording of what the hub tells."""

from pathlib import Path

from charter_engine.contracts.live import RunProgress
from charter_engine.contracts.protocol import Run
from charter_engine.service.hub import Hub
from charter_engine.service.recorder import Recorder
from charter_engine.store.recording_reader import RecordingReader


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
