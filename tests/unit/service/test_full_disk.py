"""Recording on a real disk that is full."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from charter_engine.contracts.gauges import Event, Gauge, Recording, Run
from charter_engine.contracts.live import RunProgress
from charter_engine.service import recorder as module
from charter_engine.service.hub import Hub
from charter_engine.service.recorder import Recorder
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.recording_writer import RecordingError
from tests.small_disk import fill, make_room, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 64) as place:
        yield place


def told(hub: Hub) -> Recording:
    (found,) = (one.payload for one in hub.latest() if isinstance(one.payload, Recording))
    return found


async def test_a_recording_says_that_it_stopped_and_goes_on_when_there_is_room(disk: Path) -> None:
    hub = Hub()
    said: list[str] = []
    hub.taps.append(lambda one: said.append(one.text) if isinstance(one, Event) else None)
    recorder = Recorder(hub)
    await recorder.start(disk / "r.charter")
    hub.event("engine", "before")
    await recorder._flush()
    fill(disk)
    for number in range(200):
        hub.event("engine", f"meanwhile {number} {number * 7919:x}")
        hub.publish(Run(RunProgress(items_done=number)))
        await recorder._flush()
    stopped = told(hub)
    assert stopped.path and stopped.error.endswith("stopped: No space left on device")
    assert sum("it goes on when there is room" in text for text in said) == 1
    make_room(disk)
    await recorder._flush()
    assert told(hub).error == ""
    assert said[-1] == f"recording to {disk / 'r.charter'} goes on"
    await recorder.stop()
    reader = RecordingReader(disk / "r.charter")
    assert reader.damaged == ""
    messages = list(reader.messages())
    texts = [one.text for one in messages if isinstance(one, Event)]
    assert texts[1] == "before"
    assert [one for one in texts if one.startswith("meanwhile")] == [
        f"meanwhile {number} {number * 7919:x}" for number in range(200)
    ]
    runs = [one.payload for one in messages if isinstance(one, Gauge)]
    assert Run(RunProgress(items_done=199)) in runs


async def test_only_so_many_events_wait_for_room(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    hub = Hub()
    recorder = Recorder(hub)
    await recorder.start(disk / "r.charter")
    await recorder._flush()
    fill(disk)
    for number in range(30):
        hub.event("engine", f"{number}" * 400)
        await recorder._flush()
    make_room(disk)
    await recorder.stop()
    messages = RecordingReader(disk / "r.charter").messages()
    last = [one.text for one in messages if isinstance(one, Event) and one.kind == "engine"]
    assert last[-1] == "29" * 400


async def test_a_recording_stopped_on_a_full_disk_is_whole_up_to_there(disk: Path) -> None:
    hub = Hub()
    recorder = Recorder(hub)
    await recorder.start(disk / "r.charter")
    hub.event("engine", "before")
    await recorder._flush()
    fill(disk)
    hub.event("engine", "more than fits " * 500 + f"{hub.now()}")
    await recorder.stop()
    assert told(hub).path == ""
    reader = RecordingReader(disk / "r.charter")
    assert reader.damaged == ""
    assert any(isinstance(one, Event) and one.text == "before" for one in reader.messages())


async def test_a_recording_that_cannot_begin_leaves_no_file(disk: Path) -> None:
    fill(disk)
    with pytest.raises(RecordingError, match="No space left on device"):
        await Recorder(Hub()).start(disk / "r.charter")
    assert not (disk / "r.charter").exists()
    make_room(disk)
    recorder = Recorder(Hub())
    await recorder.start(disk / "r.charter")
    await recorder.stop()
