"""What is told where an embedded Triton has no room to write."""

import errno
from pathlib import Path

import pytest

from charter_engine.embedded import room
from charter_engine.embedded.repository import write_files


def test_a_directory_without_room_is_told_from_one_with_it(tmp_path: Path) -> None:
    assert room.full([tmp_path, tmp_path / "gone"], least_bytes=1 << 62) == [tmp_path]
    assert room.full([tmp_path], least_bytes=0) == []


def test_a_file_that_cannot_be_written_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "model.py").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"model\.py") as failure:
        write_files(tmp_path, {"model.py": b"x"})
    assert failure.value.errno == errno.ENOSPC
    told = room.unwritten(failure.value)
    assert str(tmp_path / "model.py") in told.message
    assert told.remedy == room.REMEDY
    assert told.exit_code == 1
