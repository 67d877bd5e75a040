"""Room on the disks and in the memory that an embedded Triton writes to."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from charter_engine.embedded.instances import ServerFailed

LEAST_BYTES: Final = 4 << 20
"""Each of the two Python models takes a MiB of shared memory at least, as Triton says itself."""
MEMORY: Final = Path("/dev/shm")
REMEDY: Final = "free some space there, or set XDG_STATE_HOME to a directory on another disk"


def unwritten(error: OSError) -> ServerFailed:
    """What to tell of a file that cannot be written."""
    place = error.filename or "the state directory"
    return ServerFailed(f"{place} cannot be written: {error.strerror}", remedy=REMEDY)


def places(directory: Path) -> tuple[Path, ...]:
    """Where the Triton of an instance's directory writes."""
    return directory, Path(tempfile.gettempdir()), MEMORY


def full(directories: Iterable[Path], least_bytes: int = LEAST_BYTES) -> list[Path]:
    """Those in which there is no room left; one that cannot be asked is not among them."""
    return [
        directory
        for directory in directories
        if directory.is_dir() and shutil.disk_usage(directory).free < least_bytes
    ]
