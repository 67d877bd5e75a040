"""Files that an operator asked for are written whole, or a failure tells why."""

import errno
from pathlib import Path

import pytest

from charter_engine.api import output_files
from charter_engine.api.output_files import write_output
from charter_engine.errors import CharterError


def test_text_and_bytes_are_written(tmp_path: Path) -> None:
    write_output(tmp_path / "text", "Grüße")
    write_output(tmp_path / "bytes", b"\x00")
    assert (tmp_path / "text").read_text(encoding="utf-8") == "Grüße"
    assert (tmp_path / "bytes").read_bytes() == b"\x00"


def test_a_folder_that_is_not_there_is_a_usage_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "plan.yaml"
    with pytest.raises(CharterError, match="No such file") as raised:
        write_output(path, "plan")
    assert str(path) in raised.value.message
    assert raised.value.kind == "usage"


def test_a_full_disk_is_no_usage_error_and_leaves_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("old")

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(output_files, "write_atomically", full)
    with pytest.raises(CharterError, match="the file is unchanged") as raised:
        write_output(path, "new")
    assert raised.value.kind == "failed"
    assert path.read_text() == "old"
