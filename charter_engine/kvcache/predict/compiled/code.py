"""Where the fast predictor's machine code is kept between processes. Importing this does not load
numba."""

import hashlib
from pathlib import Path

from platformdirs import user_cache_path

COMPILED = ("layout", "pool", "turns", "evict", "requests", "compiled")
"""The modules that the machine code depends on."""


def code_directory() -> Path:
    """Where machine code of these very sources is kept."""
    sources = b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in COMPILED)
    return user_cache_path("charter") / "numba" / hashlib.sha256(sources).hexdigest()[:16]


def code_is_kept() -> bool:
    """Whether there is machine code from an earlier process. Making it takes several seconds."""
    return any(code_directory().rglob("*.nbi"))
