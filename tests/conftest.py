"""What holds for every test: NumPy's BLAS runs as it does in a process that serves, compilations
are kept for this session alone, and no example is late."""

import gc
import os
import signal
import tempfile

import hypothesis

from charter_engine.embedded.engine.blas import blas_environment

# Before NumPy is imported by anything: it reads the environment only once.
os.environ.update(blas_environment())

# Started under nohup or as a shell's background job, the suite and all that it starts would be deaf
# to hang-ups and interrupts.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

_cache = tempfile.TemporaryDirectory(prefix="charter-tests-", ignore_cleanup_errors=True)
os.environ["CHARTER_CACHE"] = _cache.name

# How long an example takes tells of the machine, not of what is tested.
hypothesis.settings.register_profile("any machine", deadline=None, max_examples=50)
hypothesis.settings.load_profile("any machine")


def pytest_collection_finish() -> None:
    """What was collected stays to the end: no collection of garbage need look through it."""
    gc.freeze()
