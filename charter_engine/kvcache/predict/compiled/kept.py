"""Machine code that an earlier process left, told by names of files: to ask numba for it, which has
to be loaded for that, takes as long as many a prediction."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_HERE = Path(__file__).parent


def entry_name() -> str:
    """What the function is called that machine code is made of: after all of these sources, since
    numba looks for changes only in the file of the function itself."""
    sources = hashlib.sha256()
    for file in sorted(_HERE.glob("*.py")):
        sources.update(file.read_bytes())
    return f"serve_{sources.hexdigest()[:16]}"


def may_be_kept() -> bool:
    """Whether machine code of these very sources lies where numba keeps what it makes: in
    `NUMBA_CACHE_DIR`, beside the sources, or in the user's cache."""
    name = entry_name()
    return any(any(folder.glob(f"{depth}*{name}*.nbi")) for folder, depth in _places())


def _places() -> Iterator[tuple[Path, str]]:
    """Folders, and what of them is searched: one directory, or those in it as well."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        yield Path(given), "*/"
    yield _HERE / "__pycache__", ""
    if sys.platform == "darwin":
        yield Path.home() / "Library" / "Caches" / "numba", "*/"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        yield Path(cache) / "numba", "*/"
