"""Log lines: one JSON object each, without secrets, in files that do not grow for ever."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from charter_engine import logs
from charter_engine.logs import set_up_logs
from charter_engine.scrub import MASK, keep_secret

log = logging.getLogger("charter_engine.tests")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], root.level = handlers, level


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_json_line_has_its_parts_under_their_names(tmp_path: Path) -> None:
    set_up_logs("info", "json", tmp_path / "log")
    log.info("request %s passed\nin two lines", 7, extra={"request_id": "r-7"})
    (line,) = lines(tmp_path / "log")
    assert line["message"] == "request 7 passed\nin two lines"
    assert (line["level"], line["logger"]) == ("info", "charter_engine.tests")
    assert line["request_id"] == "r-7"
    assert str(line["time"]).endswith("Z")


def test_an_error_comes_with_its_traceback_in_the_same_line(tmp_path: Path) -> None:
    set_up_logs("info", "json", tmp_path / "log")
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("a sample failed")
    (line,) = lines(tmp_path / "log")
    assert "ValueError: broken" in str(line["error"])


@pytest.mark.parametrize("form", ["text", "json"])
def test_of_an_error_stands_its_kind_alone_where_no_text_is_kept(
    tmp_path: Path, form: logs.LogFormat
) -> None:
    set_up_logs("info", form, tmp_path / "log", keeps_text=False)
    try:
        raise ValueError("in the patient's words")
    except ValueError:
        log.exception("run %s failed", "r-7")
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert "run r-7 failed (ValueError)" in text
    assert "patient" not in text


def test_what_is_below_the_level_is_left_out(tmp_path: Path) -> None:
    set_up_logs("warning", "json", tmp_path / "log")
    log.info("nothing of note")
    assert lines(tmp_path / "log") == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_masked(tmp_path: Path, form: logs.LogFormat) -> None:
    keep_secret('qu"otedsecret')
    set_up_logs("info", form, tmp_path / "log")
    log.info("the key is %s", 'qu"otedsecret')
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert MASK in text
    assert "otedsecret" not in text


def test_a_file_is_turned_over_and_only_so_many_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 200)
    set_up_logs("info", "json", tmp_path / "log")
    for number in range(100):
        log.info("line %d", number)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["log", *(f"log.{number}" for number in range(1, logs.FILES_KEPT + 1))]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())


def test_a_link_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        set_up_logs("info", "text", tmp_path / "log")
