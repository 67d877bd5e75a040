"""`charter-engine gateway`: one listens, another on its port is told, and a signal ends it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from charter_engine.cli import main

GATEWAY = [sys.executable, "-m", "charter_engine.cli", "gateway", "--openai", "http://127.0.0.1:9"]


def test_two_gateways_on_one_port_and_a_signal() -> None:
    first = subprocess.Popen([*GATEWAY, "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE)
    assert first.stderr is not None
    said = first.stderr.readline().decode()
    address = said.partition("http://")[2].partition("/")[0]
    second = subprocess.run(
        [*GATEWAY, "--listen", address], capture_output=True, text=True, check=False
    )
    first.send_signal(signal.SIGTERM)
    assert first.wait(10) == 0
    assert second.returncode == 2
    assert f"cannot listen on {address}: another program listens there" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen", "8090"], "not of the form HOST:PORT"),
        (["--openai", "localhost:8000"], "not an http:// or https:// address"),
        (["--openai", "http://x", "--triton", "y:8001"], "in front of servers of one kind"),
        (["--key", "secret"], "can be read by every user"),
        (["--key", "env:CHARTER_NO_SUCH_VARIABLE"], "has no CHARTER_NO_SUCH_VARIABLE"),
        (["--listen", "0.0.0.0:0", "--openai", "http://x"], "others can reach this address"),
    ],
)
def test_what_cannot_be_used_is_told(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gateway", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "secret" not in error.replace("a key on the command line", "")


def test_a_triton_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gateway", "--listen", "127.0.0.1:0", "--triton", "127.0.0.1:9"]) == 3
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_a_key_in_a_file_that_others_may_read_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key"
    path.write_text("secret\n", encoding="utf-8")
    path.chmod(0o644)
    assert main(["gateway", "--key", f"@{path}"]) == 2
    assert "other users may read" in capsys.readouterr().err
