"""A recording in parts of bounded size and age: each can be opened alone, and the oldest go."""

import contextlib
import fcntl
import os
import signal
from pathlib import Path


def turn_over(path: Path, keep: int) -> None:
    """Make way for a new part at `path`: what stands there becomes the first of the earlier ones,
    `demo.charter` `demo.1.charter`, each of these the next, and the last is deleted. Raises
    `OSError`."""
    part(path, keep).unlink(missing_ok=True)
    for number in reversed(range(keep)):
        if part(path, number).exists():
            part(path, number).rename(part(path, number + 1))


def remove_older(path: Path, keep: int, before: float) -> None:
    """Delete the earlier parts that ended before the epoch second, but for those that anybody has
    open. Raises `OSError`."""
    for number in range(1, keep + 1):
        earlier = part(path, number)
        with contextlib.suppress(FileNotFoundError):
            if earlier.stat().st_mtime < before and not is_open(earlier):
                earlier.unlink()


def is_open(path: Path) -> bool:
    """Whether a file is being read or written, or nobody can tell: fcntl(2) gives a lease for
    writing only where nobody else has it open. Raises `OSError`."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Whoever opens it meanwhile makes the kernel signal us, by SIGIO, which ends a process.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def part(path: Path, number: int) -> Path:
    """The place of an earlier part, the last one being 1; 0 is the one that is written."""
    return path if not number else path.with_name(f"{path.stem}.{number}{path.suffix}")
