"""Recordings: exported and cut."""

import json
from pathlib import Path

import pytest

from charter_engine.api.exports import export
from charter_engine.api.recordings import cut
from charter_engine.contracts.exporting import ExportRequest
from charter_engine.errors import UsageError
from charter_engine.store.recording_format import COUNTED, Entry, scan
from charter_engine.store.recording_writer import RecordingWriter
from tests.unit.store.test_recording import second


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "demo.charter"
    writer = RecordingWriter(path)
    for number in range(3):
        writer.write(second(number))
    writer.close()
    return path


def exported(request: ExportRequest) -> list[str]:
    lines: list[bytes] = []
    assert export(request, lines.append).damaged == ""
    return [json.loads(line)["record"] for line in lines]


def test_every_message_is_a_line_that_says_what_it_is(recording: Path) -> None:
    kinds = exported(ExportRequest(recording=str(recording)))
    assert (kinds.count("event"), kinds.count("request")) == (3, 3)
    assert "gauge" in kinds


def test_request_records_alone_can_be_asked_for(recording: Path) -> None:
    request = ExportRequest(recording=str(recording), requests_only=True)
    assert exported(request) == ["request"] * 3


def test_a_damaged_recording_is_exported_as_far_as_it_goes_and_says_so(recording: Path) -> None:
    *_, last = (
        part
        for part in scan(recording.read_bytes())
        if isinstance(part, Entry) and part.kind == COUNTED
    )
    with recording.open("r+b") as file:
        file.truncate(last.end - 5)
    lines: list[bytes] = []
    result = export(ExportRequest(recording=str(recording), requests_only=True), lines.append)
    assert len(lines) == 2
    assert "cut off" in result.damaged


def test_a_stretch_becomes_a_recording_of_its_own(recording: Path, tmp_path: Path) -> None:
    output = tmp_path / "short.charter"
    cut(ExportRequest(recording=str(recording)), str(output))
    assert exported(ExportRequest(recording=str(output), requests_only=True)) == ["request"] * 3


def test_a_cut_never_replaces_a_file(recording: Path) -> None:
    with pytest.raises(UsageError, match="exists; choose another file"):
        cut(ExportRequest(recording=str(recording)), str(recording))


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no recording")
    with pytest.raises(UsageError, match=r"notes\.txt") as refused:
        export(ExportRequest(recording=str(path)), lambda _: None)
    assert refused.value.remedy == "give the path of a recording"


def test_a_missing_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: No such file"):
        export(ExportRequest(recording=str(tmp_path / "nowhere")), lambda _: None)
