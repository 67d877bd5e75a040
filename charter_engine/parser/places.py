"""The names that a file may be imported by, told by where it stands."""

from collections.abc import Iterable
from pathlib import PurePath

MOST_PARTS = 8


def paths_by_place(paths: Iterable[str]) -> dict[str, str]:
    """Paths by their ends as dotted names (`package.module`), where only one path ends so."""
    found: dict[str, str | None] = {}
    for path in paths:
        parts = PurePath(path).with_suffix("").parts
        parts = parts[:-1] if parts[-1:] == ("__init__",) else parts
        for length in range(2, min(len(parts), MOST_PARTS) + 1):
            name = ".".join(parts[-length:])
            found[name] = None if name in found else path
    return {name: path for name, path in found.items() if path is not None}
