"""A real file system that is soon full, where this machine lets one be made."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

FILL: str = "filled"


@contextlib.contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """An empty folder with room for so much. Skips the test where none can be mounted."""
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    size = f"size={kilobytes}k"
    told = subprocess.run(
        [mount, "-t", "tmpfs", "-o", size, "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        pytest.skip(f"no small file system can be mounted here: {told.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    """Leave no byte of room."""
    with (disk / FILL).open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def make_room(disk: Path) -> None:
    (disk / FILL).unlink()
