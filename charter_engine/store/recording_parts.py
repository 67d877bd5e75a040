"""A recording in parts of bounded size and age: each can be opened alone, and the oldest go."""

import contextlib
import errno
import fcntl
import itertools
import os
import signal
from collections.abc import Iterator
from glob import escape
from pathlib import Path


def turn_over(path: Path, keep: int) -> None:
    """Make way for a new part at `path`: what stands there becomes the first of the earlier ones,
    `demo.charter` `demo.1.charter`, each of these the next, and the last is deleted. One that
    anybody has open is set aside instead, `demo.held-1.charter`, until a later call finds it
    closed. Raises `OSError`."""
    last = part(path, keep)
    for ended in (*_set_aside(path), last):
        if ended.exists() and not is_open(ended):
            ended.unlink()
    if last.exists():
        last.rename(_free_place(path))
    for number in reversed(range(keep)):
        if part(path, number).exists():
            part(path, number).rename(part(path, number + 1))


def remove_older(path: Path, keep: int, before: float) -> None:
    """Delete the earlier parts that ended before the epoch second, but for those that anybody has
    open, or nobody can tell. Raises `OSError`."""
    for earlier in (*(part(path, number) for number in range(1, keep + 1)), *_set_aside(path)):
        with contextlib.suppress(FileNotFoundError):
            if earlier.stat().st_mtime < before and is_open(earlier) is False:
                earlier.unlink()


def is_open(path: Path) -> bool | None:
    """Whether a file is being read or written: fcntl(2) gives a lease for writing only where nobody
    else has it open. None where a file system has no leases. Raises `OSError`."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Whoever opens it meanwhile makes the kernel signal us, by SIGIO, which ends a process.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    finally:
        os.close(file)
    return False


def part(path: Path, number: int) -> Path:
    """The place of an earlier part, the last one being 1; 0 is the one that is written."""
    return path if not number else path.with_name(f"{path.stem}.{number}{path.suffix}")


def _set_aside(path: Path) -> Iterator[Path]:
    return path.parent.glob(f"{escape(path.stem)}.held-*{escape(path.suffix)}")


def _free_place(path: Path) -> Path:
    places = (path.with_name(f"{path.stem}.held-{n}{path.suffix}") for n in itertools.count(1))
    return next(place for place in places if not place.exists())
