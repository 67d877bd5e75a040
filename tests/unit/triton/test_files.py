"""File changes that are whole or not at all."""

import errno
from pathlib import Path

import pytest

from charter_engine.triton import files
from charter_engine.triton.errors import TritonRefused
from charter_engine.triton.journal import Journal

CHANGE: dict[str, bytes | None] = {"m/kept": b"new", "m/fresh": b"fresh", "m/gone": None}
BEFORE: dict[str, bytes | None] = {"m/kept": b"old", "m/fresh": None, "m/gone": b"gone"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "kept").write_bytes(b"old")
    (tmp_path / "m" / "gone").write_bytes(b"gone")
    return tmp_path


def everything(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_staging_changes_nothing_that_anybody_reads(root: Path) -> None:
    files.stage(root, CHANGE)
    assert files.read_files(root, CHANGE) == BEFORE


def test_a_staged_change_is_made_file_by_file(root: Path) -> None:
    files.stage(root, CHANGE)
    for path, content in CHANGE.items():
        files.apply_staged(root, path, content)
    files.clean(root, CHANGE)
    assert everything(root) == {"m/kept": b"new", "m/fresh": b"fresh"}


@pytest.mark.parametrize("made", range(len(CHANGE) + 1))
@pytest.mark.parametrize("times", [1, 2])
def test_a_change_made_in_part_is_taken_back(root: Path, made: int, times: int) -> None:
    files.stage(root, CHANGE)
    for path, content in list(CHANGE.items())[:made]:
        files.apply_staged(root, path, content)
    for _ in range(times):
        files.restore(root, BEFORE)
    files.clean(root, CHANGE)
    assert everything(root) == {"m/kept": b"old", "m/gone": b"gone"}


def test_a_change_is_taken_back_from_the_journal_where_the_old_links_are_lost(root: Path) -> None:
    files.stage(root, CHANGE)
    for path, content in CHANGE.items():
        files.apply_staged(root, path, content)
    files.clean(root, CHANGE)
    files.restore(root, BEFORE)
    assert everything(root) == {"m/kept": b"old", "m/gone": b"gone"}


def test_a_disk_that_fills_while_staging_leaves_no_trace(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = files._write_through

    def full(path: Path, content: bytes) -> None:
        if "fresh" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content)

    monkeypatch.setattr(files, "_write_through", full)
    with pytest.raises(OSError, match="No space left"):
        files.stage(root, CHANGE)
    assert everything(root) == {"m/kept": b"old", "m/gone": b"gone"}


def test_directories_that_a_removal_empties_go_too(root: Path) -> None:
    change: dict[str, bytes | None] = {"m/kept": None, "m/gone": None}
    files.stage(root, change)
    for path in change:
        files.apply_staged(root, path, None)
    files.clean(root, change)
    assert list(root.iterdir()) == []


def test_a_journal_admits_one_pusher_at_a_time(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "journal").locked(),
        pytest.raises(TritonRefused, match="another push"),
        Journal(tmp_path / "journal").locked(),
    ):
        pass


def test_a_damaged_journal_says_which_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (tmp_path / "live.json").write_text("{")
    with pytest.raises(Exception, match=r"live\.json is damaged"):
        journal.current()
