"""File changes that are whole or not at all."""

import errno
from pathlib import Path

import pytest

from charter_engine.triton import files
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.files import StagedFiles

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


@pytest.fixture
def staged(root: Path) -> StagedFiles:
    return StagedFiles(root, "token")


def test_staging_changes_nothing_that_anybody_reads(root: Path, staged: StagedFiles) -> None:
    staged.stage(CHANGE)
    assert files.read_files(root, CHANGE) == BEFORE


def test_a_staged_change_is_made_file_by_file(root: Path, staged: StagedFiles) -> None:
    staged.stage(CHANGE)
    for path, content in CHANGE.items():
        staged.apply(path, content)
    staged.clean(CHANGE)
    assert everything(root) == {"m/kept": b"new", "m/fresh": b"fresh"}


@pytest.mark.parametrize("made", range(len(CHANGE) + 1))
@pytest.mark.parametrize("times", [1, 2])
def test_a_change_made_in_part_is_taken_back(
    root: Path, staged: StagedFiles, made: int, times: int
) -> None:
    attributes = files.attributes_of(root, CHANGE)
    staged.stage(CHANGE)
    for path, content in list(CHANGE.items())[:made]:
        staged.apply(path, content)
    for _ in range(times):
        staged.restore(BEFORE)
    staged.clean(CHANGE)
    files.set_attributes(root, attributes)
    assert everything(root) == {"m/kept": b"old", "m/gone": b"gone"}
    assert files.attributes_of(root, CHANGE) == attributes


def test_a_change_is_taken_back_from_the_journal_where_the_old_links_are_lost(
    root: Path, staged: StagedFiles
) -> None:
    staged.stage(CHANGE)
    for path, content in CHANGE.items():
        staged.apply(path, content)
    staged.clean(CHANGE)
    staged.restore(BEFORE)
    assert everything(root) == {"m/kept": b"old", "m/gone": b"gone"}


def test_what_is_taken_back_is_the_very_file_with_its_other_names(
    root: Path, staged: StagedFiles
) -> None:
    (root / "other name").hardlink_to(root / "m" / "kept")
    staged.stage(CHANGE)
    staged.apply("m/kept", b"new")
    staged.restore(BEFORE)
    staged.clean(CHANGE)
    assert (root / "m" / "kept").samefile(root / "other name")


def test_a_replaced_file_keeps_its_mode(root: Path, staged: StagedFiles) -> None:
    (root / "m" / "kept").chmod(0o640)
    staged.stage(CHANGE)
    staged.apply("m/kept", b"new")
    assert (root / "m" / "kept").stat().st_mode & 0o777 == 0o640


def test_a_replaced_link_stays_one(root: Path, staged: StagedFiles) -> None:
    (root / "configs").mkdir()
    (root / "m" / "kept").rename(root / "configs" / "kept")
    (root / "m" / "kept").symlink_to("../configs/kept")
    staged.stage(CHANGE)
    staged.apply("m/kept", b"new")
    staged.clean(CHANGE)
    assert (root / "m" / "kept").is_symlink()
    assert (root / "configs" / "kept").read_bytes() == b"new"
    assert sorted(path.name for path in (root / "configs").iterdir()) == ["kept"]


def test_a_model_directory_that_leads_out_of_the_repository_is_refused(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    elsewhere.mkdir()
    root.mkdir()
    (root / "m").symlink_to(elsewhere)
    with pytest.raises(InvalidInput, match="leads out of the repository"):
        StagedFiles(root, "token").stage(CHANGE)
    assert list(elsewhere.iterdir()) == []


def test_staging_follows_no_link_that_somebody_laid_in_its_way(
    root: Path, staged: StagedFiles
) -> None:
    victim = root / "victim"
    victim.write_bytes(b"precious")
    (root / "m" / ".kept.token.charter-new").symlink_to(victim)
    with pytest.raises(FileExistsError):
        staged.stage(CHANGE)
    assert victim.read_bytes() == b"precious"


def test_a_disk_that_fills_while_staging_leaves_no_trace(
    root: Path, staged: StagedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = files._write_new

    def full(path: Path, content: bytes, *, like: Path) -> None:
        if "fresh" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content, like=like)

    monkeypatch.setattr(files, "_write_new", full)
    with pytest.raises(OSError, match="No space left"):
        staged.stage(CHANGE)
    assert everything(root) == {"m/kept": b"old", "m/gone": b"gone"}


def test_directories_that_a_removal_empties_go_too_with_what_python_compiled(
    root: Path, staged: StagedFiles
) -> None:
    change: dict[str, bytes | None] = {"m/kept": None, "m/gone": None}
    (root / "m" / "__pycache__").mkdir()
    (root / "m" / "__pycache__" / "model.pyc").write_bytes(b"compiled")
    staged.stage(change)
    for path in change:
        staged.apply(path, None)
    staged.clean(change)
    assert list(root.iterdir()) == []


def test_what_python_compiled_beside_files_that_stay_is_left(
    root: Path, staged: StagedFiles
) -> None:
    (root / "m" / "__pycache__").mkdir()
    staged.stage(CHANGE)
    staged.clean(CHANGE)
    assert (root / "m" / "__pycache__").is_dir()
