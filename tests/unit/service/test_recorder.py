"""A recording of what the hub tells."""

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from charter_engine.contracts.gauges import Nodes, Recording, Run
from charter_engine.contracts.live import NodeStats, RequestRecord, RunProgress
from charter_engine.contracts.recordings import RecordingLimits
from charter_engine.service import recorder as module
from charter_engine.service.hub import Hub
from charter_engine.service.recorder import Recorder
from charter_engine.store.recording_parts import part, remove_older, turn_over
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


async def test_a_recording_that_is_large_enough_is_ended_and_the_last_parts_are_kept(
    tmp_path: Path,
) -> None:
    hub = Hub()
    hub.publish(Run(RunProgress(run="the only one")))
    recorder = Recorder(hub, limits=RecordingLimits(max_bytes=1_000, keep=2))
    path = tmp_path / "demo.charter"
    await recorder.start(path)
    for number in range(40):
        hub.event("engine", f"{number} {random.Random(number).randbytes(40).hex()}")
        await recorder._flush()
    await recorder.stop()
    names = sorted(item.name for item in tmp_path.iterdir())
    assert names == ["demo.1.charter", "demo.2.charter", "demo.charter"]
    for name in names:
        reader = RecordingReader(tmp_path / name)
        state = [gauge.payload for gauge in reader.cursor(reader.end).seek(reader.end)]
        assert Run(RunProgress(run="the only one")) in state
    (last, *_) = [one.text for one in RecordingReader(path).events_until(2e9 * 10, 1)]
    assert last.startswith("recording to")


def test_a_part_that_is_there_already_moves_on(tmp_path: Path) -> None:
    path = tmp_path / "demo.charter"
    for name in ("demo.charter", "demo.1.charter", "demo.3.charter"):
        (tmp_path / name).write_text(name)
    turn_over(path, 2)
    assert sorted((item.name, item.read_text()) for item in tmp_path.iterdir()) == [
        ("demo.1.charter", "demo.charter"),
        ("demo.2.charter", "demo.1.charter"),
        ("demo.3.charter", "demo.3.charter"),
    ]


def test_the_last_part_is_set_aside_while_it_is_read_and_goes_with_the_next_turn(
    tmp_path: Path,
) -> None:
    path = tmp_path / "demo.charter"
    part(path, 1).write_text("replayed")
    path.write_text("newer")
    with part(path, 1).open("rb"):
        turn_over(path, 1)
        assert part(path, 1).read_text() == "newer"
        (aside,) = tmp_path.glob("demo.held-*.charter")
        assert aside.read_text() == "replayed"
        path.write_text("newest")
        turn_over(path, 1)
        assert aside.exists()
    turn_over(path, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_was_set_aside_goes_by_its_age_too(tmp_path: Path) -> None:
    aged(tmp_path / "demo.held-1.charter", 90)
    remove_older(tmp_path / "demo.charter", 1, time.time() - 60)
    assert list(tmp_path.iterdir()) == []


def aged(path: Path, seconds: float) -> None:
    path.touch()
    os.utime(path, (time.time() - seconds,) * 2)


def test_parts_that_are_too_old_go_and_the_one_that_is_written_stays(tmp_path: Path) -> None:
    for name, seconds in (("demo", 90), ("demo.1", 10), ("demo.2", 90), ("other", 90)):
        aged(tmp_path / f"{name}.charter", seconds)
    remove_older(tmp_path / "demo.charter", 5, time.time() - 60)
    left = sorted(item.stem for item in tmp_path.iterdir())
    assert left == ["demo", "demo.1", "other"]


@pytest.mark.parametrize("mode", ["rb", "r+b"])
def test_a_part_that_somebody_reads_or_writes_stays_until_it_is_closed(
    tmp_path: Path, mode: str
) -> None:
    aged(part(tmp_path / "demo.charter", 1), 90)
    with part(tmp_path / "demo.charter", 1).open(mode):
        remove_older(tmp_path / "demo.charter", 5, time.time() - 60)
        assert part(tmp_path / "demo.charter", 1).exists()
    remove_older(tmp_path / "demo.charter", 5, time.time() - 60)
    assert not part(tmp_path / "demo.charter", 1).exists()


async def test_a_part_that_is_replayed_stays(tmp_path: Path) -> None:
    path = tmp_path / "demo.charter"
    hub = Hub()
    recorder = Recorder(hub)
    await recorder.start(path)
    await recorder.stop()
    earlier = path.rename(part(path, 1))
    os.utime(earlier, (0.0, 0.0))
    reader = RecordingReader(earlier)
    remove_older(path, 5, time.time())
    assert earlier.exists()
    del reader
    remove_older(path, 5, time.time())
    assert not earlier.exists()


async def test_a_recording_that_is_old_enough_is_ended_and_counts_from_before_a_restart(
    tmp_path: Path,
) -> None:
    path, now = tmp_path / "demo.charter", [1_000.0]
    limits = RecordingLimits(keep=2, max_seconds=100.0)

    async def record_until(moment: float) -> None:
        hub = Hub(clock=lambda: now[0])
        recorder = Recorder(hub, limits=limits)
        await recorder.start(path)
        now[0] = moment
        hub.event("engine", "a second passed")
        await recorder._flush()
        assert hub.latest()
        await recorder.stop()

    await record_until(1_030.0)
    assert not part(path, 1).exists()
    await record_until(1_060.0)
    assert part(path, 1).exists()


async def test_ended_parts_go_while_the_recording_goes_on(tmp_path: Path) -> None:
    path, hub = tmp_path / "demo.charter", Hub()
    recorder = Recorder(hub, limits=RecordingLimits(keep=2, max_seconds=60.0))
    aged(part(path, 2), 90)
    await recorder.start(path)
    await recorder._flush()
    (told,) = (one.payload for one in hub.latest() if isinstance(one.payload, Recording))
    await recorder.stop()
    assert told.kept_seconds == 60.0
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
