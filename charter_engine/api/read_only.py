"""Servers that the user's configuration says are only looked at."""

from collections.abc import Iterable

from charter_engine.contracts.server_names import listed, read_only_of
from charter_engine.errors import UsageError
from charter_engine.paths import config_file


def require_writable(addresses: Iterable[str]) -> None:
    """Raises `UsageError` where the configuration has one of the servers for `read_only`, or can't
    be read."""
    named, path = tuple(addresses), config_file()
    if not named:
        return
    try:
        patterns = read_only_of(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path}: {error}",
            remedy="mend it, or give --write: until then servers are only looked at",
        ) from None
    if place := listed(named, patterns):
        raise UsageError(
            f"{place} is read_only in {path}", remedy="--write changes it all the same"
        )
