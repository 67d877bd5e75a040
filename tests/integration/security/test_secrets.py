"""Planted credentials, and every place where Charter writes or says something."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from charter_engine.scrub import MASK
from charter_engine.store.recording_reader import RecordingReader
from tests.integration.service.engines import serving, write_agent
from tests.integration.service.test_rights import Raw

PLANTED = tuple(f"planted-{number:02}-{word}" for number, word in enumerate(
    ("plain", "qu'ote", 'dou"ble', "back\\slash", "sp ace", "a=b", "semi;colon", "per%cent",
     "br{ace}", "less<more>", "Bearer-x", "dollar$", "tick`", "hash#", "star*", "amp&ersand",
     "ques?tion", "pi|pe", "til~de", "car^et"), start=1,
))  # fmt: skip
NOWHERE = "127.0.0.1:1"


def variables() -> dict[str, str]:
    return {f"PLANTED_{number}": secret for number, secret in enumerate(PLANTED)}


def headers() -> list[str]:
    return [f"--triton-header=x-{number}=env:PLANTED_{number}" for number in range(len(PLANTED))]


def told(text: bytes) -> list[str]:
    """The planted secrets in what was said, in any spelling of JSON or Python."""
    spellings: tuple[Callable[[str], str], ...] = (str, lambda s: repr(s)[1:-1])
    return [
        secret
        for secret in PLANTED
        if any(spelt(secret).encode() in text for spelt in spellings)
        or secret[:10].encode() in text
    ]


def charter(where: Path, *arguments: str) -> bytes:
    """All that a command says, and that it leaves on disk."""
    command = [sys.executable, "-P", "-m", "charter_engine.cli", *arguments]
    environment = {**os.environ, **variables(), "CHARTER_STATE": str(where / "state")}
    done = subprocess.run(
        command, cwd=where, env=environment, capture_output=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


def written(where: Path) -> bytes:
    return b"".join(path.read_bytes() for path in where.rglob("*") if path.is_file())


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    return write_agent(tmp_path)


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in variables().items():
        monkeypatch.setenv(name, value)
    yield


@pytest.mark.parametrize(
    "arguments",
    [
        ("triton", "profile", "--json"),
        ("history", "--json"),
        ("rollback",),
        ("run", "reader.py", "--json"),
        ("bench", "reader.py", "--json"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_command_that_fails_says_no_credential(
    arguments: tuple[str, ...], agent: Path, tmp_path: Path
) -> None:
    said = charter(tmp_path, *arguments, "--triton", NOWHERE, *headers())
    assert said
    assert told(said + written(tmp_path)) == []


@pytest.mark.parametrize("secret", PLANTED)
def test_a_malformed_header_is_not_quoted(secret: str, tmp_path: Path) -> None:
    said = charter(tmp_path, "history", "--triton", NOWHERE, "--triton-header", f"a b={secret}")
    assert b"--triton-header" in said
    assert told(said) == []


def test_an_engine_writes_and_answers_no_credential(
    agent: Path, tmp_path: Path, planted: None
) -> None:
    recording = tmp_path / "r.charter"
    url = f"http://u:{PLANTED[0]}@127.0.0.1:1/metrics"
    arguments = ("--agent", str(agent), "--record", str(recording), "--log-level", "debug")
    asked: tuple[tuple[str, dict[str, object]], ...] = (
        ("GetSession", {}),
        ("StartRun", {}),
        ("ListRevisions", {}),
        ("Push", {"base_revision": 0}),
        ("OpenAgent", {"path": PLANTED[4]}),
        ("LoadPlan", {"path": f"/nowhere/{PLANTED[5]}", "base_revision": 0}),
        ("AddNote", {"text": PLANTED[6]}),
        ("GetSession", {}),
    )
    with (
        serving(tmp_path, *arguments, "--triton", NOWHERE, "--triton-metrics", url, *headers()),
        Raw(tmp_path / "engine.sock") as client,
    ):
        answers = repr([client.ask(command, **fields) for command, fields in asked]).encode()
    reader = RecordingReader(recording)
    recorded = repr(list(reader.messages())).encode()
    reader.close()
    assert MASK.encode() in recorded
    assert told(answers + recorded + written(tmp_path)) == []


def test_an_error_that_nobody_caught_says_no_credential(tmp_path: Path) -> None:
    program = (
        "import logging\n"
        "from charter_engine.scrub import keep_secret, scrub_output\n"
        "logging.basicConfig()\n"
        "scrub_output()\n"
        f"secrets = {PLANTED!r}\n"
        "for secret in secrets: keep_secret(secret)\n"
        "logging.error('seen %s', secrets)\n"
        "try: raise ValueError(secrets)\n"
        "except ValueError: logging.exception('failed')\n"
        "raise KeyError(secrets)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, cwd=tmp_path
    )
    assert b"KeyError" in done.stderr and b"failed" in done.stderr
    assert told(done.stderr) == []
