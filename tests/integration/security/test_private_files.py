"""What Charter keeps is closed to other users, however open the mask is."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.integration.service.engines import serving, wait_until, write_agent
from tests.strangers import as_stranger, needs_root

OTHERS = 0o077
LINE = '{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}\n'


def open_to_others(root: Path) -> list[str]:
    """The files that neither their own mode nor a directory above them closes."""
    found = []
    for path in root.rglob("*"):
        above = [path, *(parent for parent in path.parents if root in parent.parents)]
        if path.is_file() and all(item.stat().st_mode & OTHERS for item in above):
            found.append(str(path.relative_to(root)))
    return found


@pytest.fixture
def open_mask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def charter(where: Path, *arguments: str) -> None:
    homes = {
        "XDG_CACHE_HOME": "cache",
        "CHARTER_CACHE": "cache",
        "XDG_STATE_HOME": "state",
        "XDG_RUNTIME_DIR": "run",
    }
    environment = {**os.environ, **{name: str(where / home) for name, home in homes.items()}}
    command = [sys.executable, "-P", "-m", "charter_engine.cli", *arguments]
    subprocess.run(
        command, cwd=where, env=environment, capture_output=True, check=False, timeout=60
    )


def test_caches_are_private(open_mask: None, tmp_path: Path) -> None:
    write_agent(tmp_path)
    (tmp_path / "w.jsonl").write_text(20 * LINE)
    charter(tmp_path, "compile", "reader.py")
    charter(tmp_path, "predict", "w.jsonl")
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert any(path.suffix == ".npz" for path in kept)
    assert any("compile" in path.name for path in kept)
    assert open_to_others(tmp_path / "cache") == []


def test_recording_database_and_log_are_private(open_mask: None, tmp_path: Path) -> None:
    recording = tmp_path / "r.charter"
    arguments = ("--agent", str(write_agent(tmp_path)), "--record", str(recording))
    with serving(tmp_path, *arguments, "--triton", "127.0.0.1:1"):
        assert wait_until((tmp_path / "state" / "charter.db").exists)
        assert recording.stat().st_mode & OTHERS == 0
        assert (tmp_path / "engine.sock").stat().st_mode & OTHERS == 0
    assert open_to_others(tmp_path / "state") == []


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@needs_root
def test_another_user_cannot_speak_to_an_engine_nor_read_what_it_keeps(public: Path) -> None:
    recording = public / "r.charter"
    arguments = ("--agent", str(write_agent(public)), "--record", str(recording))
    with serving(public, *arguments, "--triton", "127.0.0.1:1"):
        assert wait_until((public / "state" / "charter.db").exists)
        connecting = partial(_connect, str(public / "engine.sock"))
        assert connecting() == "connected"
        assert as_stranger(connecting) == "PermissionError"
        for path in (recording, public / "state" / "charter.db"):
            assert as_stranger(path.read_bytes) == "PermissionError"


def _connect(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    return "connected"
