"""`charter-engine serve`: what of a server cannot be used is told before anything listens."""

from pathlib import Path

import pytest

from charter_engine.cli import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--server", "localhost:8000"], "not an http:// or https:// address"),
        (["--server", "http://x", "--triton", "y:8001"], "prompts are sent to one server"),
        (["--server", "http://x", "--servers", "charter.yaml"], "prompts are sent to one server"),
        (["--server", "http://x", "--server-key", "secret"], "can be read by every user"),
        (["--server", "http://me:secret@x"], "credentials in a URL"),
        (["--server", "http://x", "--tokenizer", "/nowhere"], "--tokenizer /nowhere"),
    ],
)
def test_a_server_that_cannot_be_used_is_told(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path))
    assert main(["serve", "--socket", f"{tmp_path}/engine.sock", *arguments]) == 2
    assert words in capsys.readouterr().err
