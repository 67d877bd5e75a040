"""Paths that are no plan files, as a console may send them."""

import os
from pathlib import Path

import pytest

from charter_engine.api.console_plans import read_plan_at
from charter_engine.errors import UsageError


@pytest.mark.timeout(10)
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "/nowhere"])
def test_what_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match=path):
        read_plan_at(path)


@pytest.mark.timeout(10)
def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file"):
        read_plan_at(str(tmp_path / "pipe"))


@pytest.mark.timeout(10)
def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**34)
    with pytest.raises(UsageError, match="more than 8 MiB"):
        read_plan_at(str(path))
