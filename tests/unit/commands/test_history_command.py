"""`charter-engine history`: what it takes."""

import pytest

from charter_engine.cli import main

TWO = ("--triton", "gpu1:8001", "--triton", "gpu2:8001")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["show", "3"], "history show"),
        (["diff", "2", "3"], "history diff"),
        (["repair"], "history repair"),
        (["--journal", "kept"], "--journal"),
    ],
)
def test_what_is_of_one_server_asks_which_of_several(
    words: list[str], asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", *words, *TWO]) == 2
    told = capsys.readouterr().err
    assert f"{asked} is of one server, and 2 are named" in told
    assert "--triton: gpu1:8001, gpu2:8001" in told
