"""Python processes that Charter starts: what they may import.

Python puts the working directory, or a script's, in front of everything else. Beside an agent lies
whatever its author put there, and none of it is Charter's to run.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SAFE_PATH = "PYTHONSAFEPATH"
"""Any value keeps Python from adding the working directory or a script's (Python 3.11)."""
OWN = str(Path(__file__).parents[1])
"""The directory that this package lies in."""


def import_path() -> tuple[str, ...]:
    """The directories that this process imports from, without the working directory, and with that
    of Charter itself."""
    here = Path().stat()
    found = [entry for entry in sys.path if Path(entry).is_absolute() and Path(entry).is_dir()]
    kept = dict.fromkeys(entry for entry in found if not os.path.samestat(Path(entry).stat(), here))
    return (*kept, *(() if OWN in kept else (OWN,)))


def environment() -> dict[str, str]:
    """The environment of a process that imports what this one does, and nothing from where it
    happens to be started."""
    return {**os.environ, SAFE_PATH: "1", "PYTHONPATH": os.pathsep.join(import_path())}


@contextmanager
def safe_path() -> Iterator[None]:
    """Processes started meanwhile by others than us, such as `multiprocessing`, are as safe."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before
