"""Recordings: exported and cut."""

import json
from pathlib import Path

import msgspec
import pytest

from charter_engine.api.exports import export
from charter_engine.api.recordings import cut, made_of
from charter_engine.contracts.exporting import ExportRequest
from charter_engine.contracts.gauges import Gauge, Session
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


def lines_of(recording: Path) -> list[bytes]:
    lines: list[bytes] = []
    export(ExportRequest(recording=str(recording)), lines.append)
    return lines


def test_the_lines_of_an_export_make_the_recording_again(recording: Path, tmp_path: Path) -> None:
    output = tmp_path / "again.charter"
    made_of(lines_of(recording), str(output))
    assert lines_of(output) == lines_of(recording)


def test_a_recording_is_made_without_the_words_of_prompts(recording: Path, tmp_path: Path) -> None:
    session = Session(engine_version="1", notice="SECRET")
    line = msgspec.json.encode(
        {"record": "gauge", **msgspec.to_builtins(Gauge(at=1.0, payload=session))}
    )
    output = tmp_path / "quiet.charter"
    made_of([line], str(output), keeps_text=False)
    assert b"SECRET" not in b"".join(lines_of(output))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"not json", "lines:2: JSON is malformed"),
        (b'{"record": "frame"}', "lines:2: Invalid enum value 'frame'"),
        (b'{"record": "event", "at": "noon"}', "lines:2: Expected `float`"),
    ],
)
def test_a_line_that_is_none_is_told_with_its_place_and_leaves_no_file(
    recording: Path, tmp_path: Path, line: bytes, told: str
) -> None:
    output = tmp_path / "never.charter"
    with pytest.raises(UsageError, match=told):
        made_of([lines_of(recording)[0], line], str(output))
    assert list(tmp_path.iterdir()) == [recording]


def test_no_lines_make_no_recording(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to make a recording of"):
        made_of([], str(tmp_path / "never.charter"))
    assert not list(tmp_path.iterdir())
