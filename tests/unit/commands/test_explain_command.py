"""`charter-engine explain` on a log, as people and scripts use it."""

import json
from pathlib import Path

import pytest

from charter_engine.cli import main
from charter_engine.commands.outcome import DONE, USAGE
from tests.situations import QUESTIONS, RULES


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    texts = [f"Time 08:1{n}:00.\n{RULES}\n{QUESTIONS[n]}" for n in range(3)]
    rows = [
        {"messages": [{"role": "user", "content": text}], "timestamp": 1_795_680_000 + 600 * n}
        for n, text in enumerate(texts)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_place_the_words_the_cause_its_cost_and_the_remedy_are_shown(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(log)]) == DONE
    shown, told = capsys.readouterr()
    assert "it follows request 2 up to token" in shown
    assert "08:[-11-]{+12+}:00" in shown
    assert "cause: time stamp: '08:11:00' stood there, '08:12:00' stands there now" in shown
    assert "tokens computed again an hour" in shown and "what to do: move the time" in shown
    assert "(assumed)" in told


def test_json_holds_words_of_prompts_only_where_they_are_asked_for(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(log), "--json"]) == DONE
    without = capsys.readouterr().out
    assert "harbour" not in without and "08:1" not in without
    assert json.loads(without)["explanations"][0]["cause"]["kind"] == "time stamp"
    assert main(["explain", str(log), "--json", "--with-text"]) == DONE
    assert "harbour" in capsys.readouterr().out


def test_no_text_shows_the_place_and_the_cause_and_none_of_the_words(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(log), "--no-text"]) == DONE
    shown = capsys.readouterr().out
    assert "its words are left out" in shown and "cause: time stamp\n" in shown
    assert "08:1" not in shown


def test_a_request_of_the_log_is_picked_by_its_line(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(log), "--of", "1", "--no-text"]) == DONE
    assert "cause: new text" in capsys.readouterr().out
    assert main(["explain", str(log), "--of", "9"]) == USAGE
    assert "request 9 is not known: 1 to 3 are" in capsys.readouterr().err


def test_a_file_that_is_no_log_is_taken_for_the_name_of_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path))
    assert main(["explain", "17"]) != DONE
    assert "no embedded Triton" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["no-such.jsonl", "-1", "notes.md"])
def test_what_is_neither_a_number_nor_a_log_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.md").write_text("no log\n")
    assert main(["explain", name]) == USAGE
    assert f"{name}: neither a request's number nor a log of requests" in capsys.readouterr().err


def test_a_line_of_a_log_needs_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--of", "3"]) == USAGE
    assert "--of names a request of a log" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--tokens-per-block=16", "--pool-tokens=900", "--strict"])
def test_an_option_of_logs_is_refused_where_none_is_given(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "17", option]) == USAGE
    assert f"{option.split('=', 1)[0]} tells of a log" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--since=1h", "--triton=desk:8001", "--id=q-1"])
def test_an_option_of_deployments_is_refused_for_a_log(
    option: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(log), option]) == USAGE
    assert f"{option.split('=', 1)[0]} tells of a deployment" in capsys.readouterr().err


def test_a_log_without_times_tells_nothing_of_an_hour(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps({"messages": row["messages"]}) + "\n" for row in rows))
    assert main(["explain", str(log)]) == DONE
    shown = capsys.readouterr().out
    assert "an hour" not in shown.replace("an hour  mending gives", "")
    assert "nothing is told by the hour: no times are known" in shown


def test_a_log_is_linted_without_words_of_its_prompts(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["lint", str(log)])
    assert "08:1" in capsys.readouterr().out
    main(["lint", str(log), "--no-text"])
    shown = capsys.readouterr().out
    assert "time stamp; " in shown and "08:1" not in shown


def test_no_words_of_a_prompt_and_no_session_can_drive_the_terminal(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for row in rows:
        row["user"] = "\x1b]0;title\x07"
        row["messages"][0]["content"] = row["messages"][0]["content"].replace(
            ".", "\x1b[2J\u202e.", 1
        )
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["explain", str(log)]) == DONE
    shown = capsys.readouterr().out
    assert r"session \x1b]0;title\x07" in shown and r"\x1b[2J\u202e" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)
