"""A stretch of a replay, or of the frozen last hour, marked and written as a recording."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.widgets import Static

from charter_engine.api import recordings
from charter_engine.contracts.commands import Command, CutReplay
from charter_engine.contracts.gauges import Gauge, Nodes, Recording, Replay, Session, Work
from charter_engine.contracts.recordings import RecordingPiece
from charter_engine.service.stretches import Stretches
from charter_engine.store.recording_reader import RecordingReader
from charter_tui import exporting
from charter_tui.replaying import holding
from charter_tui.screens.form import FormScreen
from charter_tui.state import Link, Snapshot
from tests.small_disk import fill, make_room, small_disk
from tests.tui.conftest import Open, Stage
from tests.tui.scene import AGENT, DRAFT, NODES, SESSION
from tests.unit.store.recorded import BEGIN, record


def at(path: Path, second: float) -> Replay:
    """A replay of that recording of a minute, paused in that second."""
    return Replay(
        path=str(path), start=BEGIN, end=BEGIN + 59.5, position=BEGIN + second, paused=True
    )


def replays(stage: Stage, recording: Path) -> None:
    """Have the engine hand over stretches of that recording."""
    stretches = Stretches(RecordingReader(recording))

    async def answer(asked: Command) -> RecordingPiece:
        assert isinstance(asked, CutReplay)
        return await stretches.piece(asked)

    stage.engine.answers[CutReplay] = answer


async def export_to(stage: Stage, output: Path) -> None:
    await stage.press("X", "tab", "tab", "ctrl+u")
    await stage.type(str(output))
    await stage.press("enter")


async def test_a_stretch_marked_in_a_replay_is_a_recording_of_its_own(
    console: Open, tmp_path: Path
) -> None:
    recording, output = record(tmp_path / "run.charter", push_at=20), tmp_path / "incident.charter"
    async with console(at(recording, 30), size=(120, 36)) as stage:
        replays(stage, recording)
        await stage.press("M")
        stage.engine.hub.publish(at(recording, 15))
        await stage.until(partial(stage.shows, "0:15 of 0:59"))
        await stage.press("M")
        assert stage.shows("marked 22:13:35–22:13:50")
        assert stage.shows("═")
        await export_to(stage, output)
        await stage.until(lambda: f"The stretch is in {output}" in stage.told())
    found = recordings.info(str(output))
    assert (round(found.start - BEGIN), round(found.end - BEGIN)) == (15, 30)
    assert [marker.kind for marker in found.markers] == ["push"]
    assert not recordings.verify(str(output)).damaged


async def test_a_stretch_of_a_replay_on_another_machine_is_written_on_this_one(
    console: Open, tmp_path: Path
) -> None:
    recording, output = record(tmp_path / "run.charter"), tmp_path / "incident.charter"
    shown = replace(at(recording, 30), path="/on/another/machine/run.charter")
    async with console(shown) as stage:
        replays(stage, recording)
        await export_to(stage, output)
        await stage.until(lambda: f"The stretch is in {output}" in stage.told())
    assert recordings.info(str(output)).requests


async def test_an_engine_that_refuses_a_stretch_says_why_and_nothing_is_left(
    console: Open, tmp_path: Path
) -> None:
    async with console(at(tmp_path / "run.charter", 30), size=(120, 36)) as stage:
        stage.engine.refuse(CutReplay, "run.charter holds nothing between these times")
        await export_to(stage, tmp_path / "incident.charter")
        await stage.until(partial(stage.shows, "holds nothing between these times"))
    assert not list(tmp_path.glob("*incident*"))


async def test_a_stretch_of_the_last_hour_holds_what_the_console_was_told(
    console: Open, tmp_path: Path
) -> None:
    output = tmp_path / "incident.charter"
    now = float(int(time.time()))
    async with console(DRAFT, size=(120, 36)) as stage:
        for second in (1, 11, 21, 31):
            shown = replace(NODES.nodes[0], requests=100 + second)
            stage.engine.hub.publish(Nodes((shown, *NODES.nodes[1:])), at=now + second)
            await stage.until(partial(stage.shows, f"={100 + second}"))
        stage.engine.hub.event("note", "the load test began", at=now + 15)
        await stage.until(partial(stage.shows, "the load test began"))
        await stage.press("space", "left", "M", "left", "M")
        await export_to(stage, output)
        await stage.until(lambda: f"The stretch is in {output}" in stage.told())
    reader = RecordingReader(output)
    begin, end = reader.cursor(reader.start), reader.cursor(reader.end)
    assert (reader.start, reader.end) == (now + 11, now + 21)
    for cursor, moment, requests in ((begin, reader.start, 111), (end, reader.end, 121)):
        state: dict[type, Any] = {type(one.payload): one.payload for one in cursor.seek(moment)}
        assert state[Nodes].nodes[0].requests == requests
        assert state[Session].agent == AGENT
    assert [marker.text for marker in reader.markers] == ["the load test began"]


async def test_where_no_text_is_kept_none_is_written(console: Open, tmp_path: Path) -> None:
    output = tmp_path / "incident.charter"
    quiet = replace(SESSION, keeps_text=False, notice="SECRET")
    async with console(quiet) as stage:
        await stage.press("space")
        await export_to(stage, output)
        await stage.until(lambda: f"The stretch is in {output}" in stage.told())
    reader = RecordingReader(output)
    session = next(
        one.payload for one in reader.cursor().seek(reader.end) if isinstance(one.payload, Session)
    )
    assert session.agent == AGENT
    assert session.notice == "(not kept)"


async def test_a_file_that_exists_stays_as_it_is_and_the_form_says_so(
    console: Open, tmp_path: Path
) -> None:
    recording, output = record(tmp_path / "run.charter"), tmp_path / "thesis.charter"
    output.write_text("the only copy")
    async with console(at(recording, 30)) as stage:
        replays(stage, recording)
        await export_to(stage, output)
        await stage.until(partial(stage.shows, "exists; choose another file"))
        assert isinstance(stage.app.screen, FormScreen)
    assert output.read_text() == "the only copy"


async def test_a_full_disk_is_told_and_leaves_nothing(console: Open, tmp_path: Path) -> None:
    recording = record(tmp_path / "run.charter")
    with small_disk(tmp_path / "disk", 256) as disk:
        fill(disk)
        async with console(at(recording, 30), size=(120, 36)) as stage:
            replays(stage, recording)
            await export_to(stage, disk / "part.charter")
            error = stage.app.screen.query_one("#form-error", Static)
            await stage.until(lambda: "No space left" in str(error.content))
            assert [item.name for item in disk.iterdir()] == ["filled"]
            make_room(disk)
            await stage.press("enter")
            await stage.until(lambda: "The stretch is in" in stage.told())


async def test_what_of_a_damaged_recording_can_be_read_is_written_and_the_rest_told(
    console: Open, tmp_path: Path
) -> None:
    recording, output = record(tmp_path / "run.charter"), tmp_path / "incident.charter"
    recording.write_bytes(recording.read_bytes()[:-3])
    async with console(at(recording, 30)) as stage:
        replays(stage, recording)
        await export_to(stage, output)
        await stage.until(lambda: "the last entry was cut off" in stage.told())
    assert recordings.info(str(output)).requests


async def test_an_end_ahead_of_the_beginning_stays_typed(console: Open, tmp_path: Path) -> None:
    async with console(at(record(tmp_path / "run.charter"), 30)) as stage:
        await stage.press("X", "ctrl+u")
        await stage.type("50s")
        await stage.press("tab", "ctrl+u")
        await stage.type("40s")
        await stage.press("enter")
        assert stage.shows("It ends before it begins")


@pytest.mark.parametrize("key", ["M", "X"])
async def test_a_live_screen_tells_how_to_hold_it_still_first(console: Open, key: str) -> None:
    async with console() as stage:
        await stage.press(key)
        assert "space holds the screen still" in stage.told()


@pytest.mark.parametrize(
    ("link", "begin", "path"),
    [
        (Link("connected", owned=True), BEGIN + 1, "/w/now.charter"),
        (Link("connected", owned=True), BEGIN - 1, ""),
        (Link("connected"), BEGIN + 1, ""),
    ],
)
def test_the_recording_in_progress_is_cut_where_it_holds_the_stretch_and_lies_here(
    link: Link, begin: float, path: str
) -> None:
    written = Recording(path="/w/now.charter", started_at=BEGIN)
    shown = Snapshot(link=link, recording=written)
    assert holding(shown, begin) == path
    assert not holding(shown, begin, in_parts=True)


async def test_an_export_that_is_left_ends_and_leaves_nothing(tmp_path: Path) -> None:
    def endless() -> Iterator[Gauge]:
        for second in itertools.count():
            yield Gauge(at=float(second), payload=Work(subject=str(second)))

    task = asyncio.create_task(
        exporting.record(endless(), str(tmp_path / "incident.charter"), keeps_text=True)
    )
    while not list(tmp_path.iterdir()):
        assert not task.done()
        await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not list(tmp_path.iterdir())
