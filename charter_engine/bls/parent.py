"""A model's process that ends with the server that started it, however that ended."""

import ctypes
import os
import select
import threading
from pathlib import Path


def end_with_parent() -> None:
    """End this process as soon as its parent is gone.

    Triton's own look at its parent comes later and finalizes the model; that waits for ever where a
    request was under way, since nobody takes its answer any more.
    """
    try:
        parent = os.pidfd_open(os.getppid())
    except OSError:
        return  # Linux before 5.3
    threading.Thread(target=_wait, args=(parent, _shared()), name="parent", daemon=True).start()


def _wait(parent: int, shared: bytes) -> None:
    """PyDLL keeps the interpreter's lock: who got it next might never let go."""
    library = ctypes.PyDLL(None)
    select.select([parent], [], [])
    library.unlink(shared)
    library._exit(1)


def _shared() -> bytes:
    """The memory that the backend shares with this process, which goes with it: the second argument
    names it (stub_launcher.cc)."""
    arguments = Path("/proc/self/cmdline").read_bytes().split(b"\0")
    return b"/dev/shm/" + arguments[2] if len(arguments) > 2 else b""
