"""Commands that write on a real disk that is full."""

from pathlib import Path

import pytest

from charter_engine.cli import main
from charter_engine.store.recording_writer import RecordingWriter
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
