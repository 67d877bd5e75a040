"""Commands in a hostile place: names of files, and a home that nothing can be written to."""

from pathlib import Path

import pytest

from charter_engine.cli import main
from charter_engine.store.recording_writer import RecordingWriter
from tests.integration.service.engines import AGENT
from tests.unit.store.test_recording import second

COLOURED = "\x1b[31mred"


@pytest.mark.parametrize("text", [AGENT, "x = 1\n"])
def test_a_files_name_drives_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    agent = tmp_path / f"{COLOURED}.py"
    agent.write_text(text)
    assert main(["compile", str(agent)]) == 0
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    assert "red.py" in printed.out


def test_a_recordings_name_drives_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / f"{COLOURED}.charter"
    writer = RecordingWriter(recording)
    writer.write(second(0))
    writer.close()
    for action in ("verify", "info"):
        assert main(["recordings", action, str(recording)]) == 0
        assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        b"of\ntwo lines.py",
        b"q'uo\"tes.py",
        "\u202ebackwards.py".encode(),
        b"x" * 252 + b".py",
        b"$(id) %s [bold].py",
    ],
)
def test_an_agent_may_have_any_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: bytes
) -> None:
    agent = tmp_path / name.decode()
    agent.write_text(AGENT)
    assert main(["compile", str(agent)]) == 0
    assert "2 calls" in capsys.readouterr().out


def test_a_name_that_is_no_text_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = tmp_path / b"\xff\xfe.py".decode(errors="surrogateescape")
    agent.write_text(AGENT)
    assert main(["compile", str(agent)]) == 1
    assert "the file name is not UTF-8" in capsys.readouterr().err


@pytest.fixture
def unusable_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHARTER_STATE", "CHARTER_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "/dev/null/home")


@pytest.mark.usefixtures("unusable_home")
def test_a_home_without_room_for_state_is_named_with_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["requests"]) == 1
    told = capsys.readouterr().err
    assert "/dev/null/home/charter: can't be made (Not a directory)" in told
    assert "set XDG_STATE_HOME to a directory of yours" in told


@pytest.mark.usefixtures("unusable_home")
def test_the_doctor_tells_of_such_a_home_and_looks_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "wrong: /dev/null/home/charter can't be used" in told
    assert "set XDG_STATE_HOME" in told
    assert "sound: the embedded Triton" in told


@pytest.mark.usefixtures("unusable_home")
def test_a_compilation_does_without_such_a_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = tmp_path / "reader.py"
    agent.write_text(AGENT)
    assert main(["compile", str(agent)]) == 0
    printed = capsys.readouterr()
    assert "2 calls" in printed.out
    assert "working without the cache: /dev/null/home/charter: can't be made" in printed.err
