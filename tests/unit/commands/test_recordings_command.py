"""`charter-engine recordings` and `export`: what they print, and how they end."""

import json
import random
import re
from contextlib import closing
from pathlib import Path

import pytest

from charter_engine.api import recordings
from charter_engine.cli import main
from charter_engine.contracts.gauges import Gauge, Session
from charter_engine.store.recording_writer import RecordingWriter
from tests.unit.store.recorded import BEGIN, record, second


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    record(folder / "one.charter", range(30))
    record(folder / "other.charter", range(50, 80), reused=60)
    half = (folder / "one.charter").read_bytes()
    (folder / "half.charter").write_bytes(half[: len(half) // 2])
    return folder


def test_a_list_tells_recordings_from_what_only_has_their_name(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.charter").write_bytes((folder / "one.charter").read_bytes())
    (tmp_path / "half.charter").write_bytes((folder / "half.charter").read_bytes())
    (tmp_path / "notes.charter").write_text("what I did on Monday")
    (tmp_path / "notes.txt").write_text("and on Tuesday")
    assert main(["recordings", "list", str(tmp_path), "--json"]) == 0
    found = {Path(one["path"]).name: one for one in json.loads(capsys.readouterr().out)}
    assert set(found) == {"one.charter", "half.charter", "notes.charter"}
    assert found["one.charter"]["end"] - found["one.charter"]["start"] >= 29
    assert (found["one.charter"]["damaged"], found["one.charter"]["foreign"]) == ("", "")
    assert "cut off" in found["half.charter"]["damaged"]
    assert "is not a recording" in found["notes.charter"]["foreign"]
    assert main(["recordings", "list", str(tmp_path)]) == 0
    assert "damaged: the last entry was cut off" in capsys.readouterr().out


def test_what_is_no_folder_is_an_error_and_an_empty_one_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recordings", "list", str(tmp_path / "nowhere")]) == 2
    assert main(["recordings", "list", str(tmp_path)]) == 0
    assert "no recordings" in capsys.readouterr().err


def test_an_info_says_what_is_in_it_and_what_is_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recordings", "info", str(folder / "one.charter")]) == 0
    told = capsys.readouterr().out
    assert "60 requests" in told
    assert "nothing of: nodes, gpu" in told


@pytest.mark.parametrize(("name", "code"), [("one", 0), ("half", 1)])
def test_a_verification_ends_with_1_for_a_recording_that_is_not_whole(
    folder: Path, name: str, code: int
) -> None:
    assert main(["recordings", "verify", str(folder / f"{name}.charter")]) == code


def test_a_comparison_prints_figures_and_a_verdict_and_writes_a_page(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    pair = [str(folder / "one.charter"), str(folder / "other.charter")]
    assert main(["recordings", "compare", *pair, "--html", str(page)]) == 0
    told = capsys.readouterr().out
    assert "95 % within" in told
    assert "B against A: a request computes 50 % fewer tokens" in told
    assert "A.plan" in told
    assert page.read_text().startswith("<!doctype html>")


def test_a_merger_says_what_it_cannot_do(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = tmp_path / "both.charter"
    one, other = str(folder / "one.charter"), str(folder / "other.charter")
    assert main(["recordings", "merge", one, other, "--output", str(both)]) == 0
    assert main(["recordings", "merge", one, other, "--output", str(both)]) == 2
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.csv", "run,node,source"), ("a.om", "# HELP"), ("a.html", "<!doctype"), ("a.txt", "{")],
)
def test_the_name_of_the_output_says_in_which_form_a_recording_is_exported(
    folder: Path, tmp_path: Path, name: str, begins: str
) -> None:
    output = tmp_path / name
    assert main(["export", str(folder / "one.charter"), "-o", str(output)]) == 0
    assert output.read_text().startswith(begins)


def test_a_short_recording_has_a_size_and_one_request_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = next(iter(second(0, 20, random.Random(7))))
    with closing(RecordingWriter(tmp_path / "short.charter")) as writer:
        writer.write([Gauge(at=BEGIN, payload=Session(engine_version="1")), request])
    assert main(["recordings", "list", str(tmp_path)]) == 0
    assert re.search(r"\b[1-9][\d.]* KiB", capsys.readouterr().out)
    assert main(["recordings", "info", str(tmp_path / "short.charter")]) == 0
    told = capsys.readouterr().out
    assert re.search(r"\b[1-9][\d.]* KiB, by Charter", told)
    assert "\n1 request, " in told


def test_lines_that_make_no_recording_are_told_by_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "half.jsonl"
    lines.write_text('{"record":')
    made = tmp_path / "made.charter"
    assert main(["recordings", "make", str(lines), "-o", str(made)]) == 2
    assert f"{lines}:1: Input data was truncated" in capsys.readouterr().err


def test_a_directory_that_is_not_there_is_told_without_the_name_that_is_written_first(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "nowhere" / "both.charter"
    assert main(["recordings", "merge", str(folder / "one.charter"), "-o", str(output)]) == 2
    said = capsys.readouterr().err
    assert f"{output}: there is no directory {output.parent}" in said


def test_a_form_that_is_named_wins_over_the_name(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "ticks.txt"
    arguments = ["--format", "csv", "--table", "ticks", "--output", str(output)]
    assert main(["export", str(folder / "one.charter"), *arguments]) == 0
    assert output.read_text().startswith("at,seconds")


def test_a_comparison_as_json_has_both_histories(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = [str(folder / "one.charter"), str(folder / "other.charter")]
    assert main(["recordings", "compare", *pair, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [len(told[side]["history"][0]) for side in ("before", "after")] == [30, 30]


@pytest.mark.parametrize(
    ("begin", "end"),
    [("10s", "+10s"), ("2023-11-14T22:13:30", "22:13:40"), ("1700000010", "9.5s ago")],
)
def test_a_stretch_is_cut_by_times_as_operators_type_them(
    folder: Path, tmp_path: Path, begin: str, end: str
) -> None:
    part = tmp_path / "part.charter"
    times = [f"--begin={begin}", f"--end={end}"]
    assert main(["export", str(folder / "one.charter"), *times, "--cut", str(part)]) == 0
    found = recordings.info(str(part))
    assert (found.start, round(found.end - BEGIN)) == (BEGIN + 10, 20)


def test_a_time_that_is_none_is_wrong_usage(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(folder / "one.charter"), "--begin", "soon"]) == 2
    assert "'soon' is not a time; try 3m ago" in capsys.readouterr().err


def test_what_a_filter_left_of_an_export_becomes_a_recording(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, made = tmp_path / "lines.jsonl", tmp_path / "made.charter"
    main(["export", str(folder / "one.charter"), "--output", str(lines)])
    kept = [line for line in lines.read_bytes().splitlines(True) if b"A.plan" not in line]
    lines.write_bytes(b"".join(kept))
    command = ["recordings", "make", str(lines), "--output", str(made)]
    assert main(command) == 0
    assert recordings.info(str(made)).requests == 30
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err
