"""Machine code of the simulation as an object file: beside these sources, where `make setup` and
wheels put it, or in the user's cache, where a first prediction does.

It is code of any processor of this machine's kind, and of no version of Python or of a package: so
it can be handed on.
"""

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

_HERE = Path(__file__).parent


def file_name() -> str:
    """What the file is called: after all of these sources, and the system and machine that it is
    for."""
    sources = hashlib.sha256()
    for file in sorted(_HERE.glob("*.py")):
        sources.update(file.read_bytes())
    return f"serve-{sources.hexdigest()[:16]}-{sys.platform}-{os.uname().machine}.o"


def kept_code() -> bytes | None:
    """The machine code of these very sources, if it was made before. To find that there is none
    takes a millisecond."""
    name = file_name()
    for folder in (_HERE, _cache()):
        with suppress(OSError):
            file = folder / name
            # Whoever may write beside the sources may change these as well.
            if folder == _HERE or file.stat().st_uid == os.getuid():
                return file.read_bytes()
    return None


def keep(code: bytes) -> None:
    """Leave machine code for later processes, and take that of other sources away; nothing happens
    where no directory can be written to."""
    name = file_name()
    for folder in (_HERE, _cache()):
        with suppress(OSError):
            if folder != _HERE:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(folder / name, code)
            for old in folder.glob(f"serve-*-{sys.platform}-{os.uname().machine}.o"):
                if old.name != name:
                    old.unlink(missing_ok=True)
            return


def _write(path: Path, code: bytes) -> None:
    """Half a file must never be loaded, also after a power cut. Raises OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as file:
            file.write(code)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _cache() -> Path:
    """The user's cache of Charter, where `paths` has it, too."""
    given = os.environ.get("CHARTER_CACHE")
    if given:
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "charter"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "charter"
