"""What instances of several state directories keep apart on one machine."""

from pathlib import Path

from charter_engine.embedded.server import memory_prefix


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
