"""What holds for every test: NumPy's BLAS runs as it does in a process that serves, and
compilations are kept for this session alone."""

import os
import signal
import tempfile

from charter_engine.embedded.engine.blas import blas_environment

# Before NumPy is imported by anything: it reads the environment only once.
os.environ.update(blas_environment())

# Started under nohup or as a shell's background job, the suite and all that it starts would be deaf
# to hang-ups and interrupts.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

_cache = tempfile.TemporaryDirectory(prefix="charter-tests-", ignore_cleanup_errors=True)
os.environ["CHARTER_CACHE"] = _cache.name
