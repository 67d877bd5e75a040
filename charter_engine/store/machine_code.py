"""The predictor's machine code, made at its first use where none was installed."""

import contextlib
import os
import subprocess
import sys

from charter_engine.children import environment
from charter_engine.kvcache.predict.simulation import code_is_kept, code_is_possible

_MAKER = "charter_engine.kvcache.predict.compiled.machine_code"


def compile_behind() -> subprocess.Popen[bytes] | None:
    """Have the machine code made by a process of its own, which keeps it where that is possible;
    None if it is there, or cannot be made.

    That takes some ten seconds of a core and goes on when this process ends: predictions are made
    in Python until it is done, and later ones need not wait for it. Raises OSError.
    """
    if not code_is_possible() or code_is_kept():
        return None
    process = subprocess.Popen(
        [sys.executable, "-m", _MAKER],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Predictions come first where cores are few.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, 10)
    return process
