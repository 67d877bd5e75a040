"""Commands that write on a real disk that is full."""

from pathlib import Path

import pytest

from charter_engine.cli import main
from charter_engine.store.recording_writer import RecordingWriter
from tests.integration.service.engines import write_agent
from tests.small_disk import fill, make_room, small_disk
from tests.unit.store.test_recording import second


@pytest.mark.parametrize("option", ["--output", "--cut"])
def test_an_export_that_finds_no_room_leaves_nothing_and_can_be_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    recording = tmp_path / "r.charter"
    writer = RecordingWriter(recording)
    for number in range(60):
        writer.write(second(number))
    writer.close()
    with small_disk(tmp_path / "disk", 2048) as disk:
        command = ["export", str(recording), option, str(disk / "part.charter")]
        fill(disk)
        assert main(command) == 1
        assert "No space left on device" in capsys.readouterr().err
        assert [item.name for item in disk.iterdir()] == ["filled"]
        make_room(disk)
        assert main(command) == 0
        assert [item.name for item in disk.iterdir()] == ["part.charter"]


def test_a_recording_that_is_made_of_lines_and_finds_no_room_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording, lines = tmp_path / "r.charter", tmp_path / "lines.jsonl"
    writer = RecordingWriter(recording)
    for number in range(60):
        writer.write(second(number))
    writer.close()
    assert main(["export", str(recording), "--output", str(lines)]) == 0
    with small_disk(tmp_path / "disk", 2048) as disk:
        command = ["recordings", "make", str(lines), "--output", str(disk / "made.charter")]
        fill(disk)
        assert main(command) == 1
        assert "No space left on device" in capsys.readouterr().err
        assert [item.name for item in disk.iterdir()] == ["filled"]
        make_room(disk)
        assert main(command) == 0
        assert [item.name for item in disk.iterdir()] == ["made.charter"]


def test_recordings_that_are_put_into_one_and_find_no_room_are_left_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [tmp_path / "a.charter", tmp_path / "b.charter"]
    for begin, part in zip((0, 40), parts, strict=True):
        writer = RecordingWriter(part)
        for number in range(begin, begin + 30):
            writer.write(second(number))
        writer.close()
    before = [part.read_bytes() for part in parts]
    with small_disk(tmp_path / "disk", 2048) as disk:
        merged = disk / "merged.charter"
        command = ["recordings", "merge", *map(str, parts), "--output", str(merged)]
        fill(disk)
        assert main(command) == 1
        told = capsys.readouterr().err
        assert f"{merged} could not be written: No space left on device" in told
        assert "make room and try again" in told
        assert [item.name for item in disk.iterdir()] == ["filled"]
        assert [part.read_bytes() for part in parts] == before
        make_room(disk)
        assert main(command) == 0
        assert [item.name for item in disk.iterdir()] == ["merged.charter"]


def test_a_plan_that_finds_no_room_leaves_the_one_that_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = write_agent(tmp_path)
    with small_disk(tmp_path / "disk", 2048) as disk:
        plan = disk / "plan.yaml"
        command = ["plan", str(agent), "--output", str(plan)]
        assert main(command) == 0
        before = plan.read_bytes()
        fill(disk)
        assert main([*command, "--preset", "none"]) == 1
        told = capsys.readouterr().err
        assert f"{plan}: could not be written: No space left on device" in told
        assert "the file is unchanged" in told
        assert plan.read_bytes() == before
        assert {item.name for item in disk.iterdir()} == {"filled", "plan.yaml"}


def test_a_compilation_does_without_a_cache_that_finds_no_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = write_agent(tmp_path)
    with small_disk(tmp_path / "disk", 2048) as disk:
        monkeypatch.setenv("CHARTER_CACHE", str(disk))
        fill(disk)
        assert main(["compile", str(agent)]) == 0
        printed = capsys.readouterr()
        assert "2 calls" in printed.out
        assert "working without the cache: database or disk is full" in printed.err


@pytest.mark.slow
def test_a_run_that_finds_no_room_for_its_triton_says_so_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = write_agent(tmp_path)
    with small_disk(tmp_path / "disk", 2048) as disk:
        monkeypatch.setenv("CHARTER_STATE", str(disk / "state"))
        fill(disk)
        assert main(["run", str(agent)]) == 3
        assert "No space left on device" in capsys.readouterr().err
        assert not [item for item in (disk / "state").iterdir() if item.is_dir()]
