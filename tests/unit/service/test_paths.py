"""Where sockets and state live: for the user alone, or not at all."""

import stat
from pathlib import Path

import pytest

from charter_engine.paths import (
    UnsafeDirectory,
    default_socket,
    private_directory,
    runtime_directory,
    state_directory,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_directory_open_to_others_is_closed(tmp_path: Path) -> None:
    directory = tmp_path / "charter"
    directory.mkdir(mode=0o755)
    assert mode(private_directory(directory)) == 0o700


def test_a_link_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "charter").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeDirectory, match="not a directory"):
        private_directory(tmp_path / "charter")


def test_a_directory_that_cannot_be_made_is_named_with_what_to_set() -> None:
    told = r"^/dev/null/charter: can't be made \(Not a directory\); .* set XDG_RUNTIME_DIR to"
    with pytest.raises(UnsafeDirectory, match=told):
        private_directory(Path("/dev/null/charter"), "XDG_RUNTIME_DIR")


def test_the_runtime_directory_is_private_and_holds_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("CHARTER_SOCKET", raising=False)
    assert mode(runtime_directory()) == 0o700
    assert default_socket() == tmp_path / "charter" / "engine.sock"


def test_state_can_be_put_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "here"))
    assert state_directory() == tmp_path / "here"
    assert mode(tmp_path / "here") == 0o700
