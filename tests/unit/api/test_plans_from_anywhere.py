"""Paths that are no plan files, as a console may send them."""

import os
from pathlib import Path

import pytest

from charter_engine.api.drafting import plan_from_anywhere
from charter_engine.errors import UsageError


@pytest.mark.timeout(60)
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "/nowhere"])
def test_what_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match=path):
        plan_from_anywhere(Path(path))


@pytest.mark.timeout(60)
def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file"):
        plan_from_anywhere(tmp_path / "pipe")


@pytest.mark.timeout(60)
def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**34)
    with pytest.raises(UsageError, match="more than 8 MiB"):
        plan_from_anywhere(path)
