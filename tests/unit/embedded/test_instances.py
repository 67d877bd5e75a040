"""What instances keep apart on one machine, and what becomes of what a killed one left."""

from pathlib import Path

import pytest

from charter_engine.embedded.instances import (
    INSTANCE_PREFIX,
    instances_directory,
    memory_prefix,
    stop,
)


def test_the_memory_of_two_state_directories_instances_of_one_name_is_told_apart(
    tmp_path: Path,
) -> None:
    one, other = (memory_prefix(tmp_path / home / "instance-default") for home in "ab")
    assert not one.startswith(other) and not other.startswith(one)


def test_no_instance_takes_the_memory_of_one_whose_name_begins_with_its_own(
    tmp_path: Path,
) -> None:
    shorter = memory_prefix(tmp_path / "instance-default")
    longer = memory_prefix(tmp_path / "instance-default-2")
    assert not longer.startswith(shorter)


def test_memory_is_found_again_by_the_directory_that_was_left(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    through = memory_prefix(tmp_path / "link" / "instance-default")
    assert through == memory_prefix(tmp_path / "instance-default")


def test_stopping_a_killed_instance_removes_what_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path))
    left, other = (instances_directory() / f"{INSTANCE_PREFIX}{name}" for name in ("a", "a-b"))
    memory = [Path("/dev/shm") / f"{memory_prefix(directory)}region" for directory in (left, other)]
    try:
        for directory, region in zip((left, other), memory, strict=True):
            directory.mkdir()
            region.touch()
        assert stop("a")
        assert [left.exists(), *(region.exists() for region in memory)] == [False, False, True]
        assert not stop("a")
    finally:
        for region in memory:
            region.unlink(missing_ok=True)
