"""What holds for every test: NumPy's BLAS runs as it does in a process that serves."""

import os

from charter_engine.embedded.engine.blas import blas_environment

# Before NumPy is imported by anything: it reads the environment only once.
os.environ.update(blas_environment())
