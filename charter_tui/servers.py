"""Servers by the names of the configuration: an address, or a host, with `*` for any part."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from charter_tui.options import Options
from charter_tui.state import Snapshot


def served(snapshot: Snapshot, patterns: Sequence[str]) -> str:
    """The server that is watched and that a pattern is of; empty where none is."""
    one = (snapshot.triton.sample.url,) if snapshot.triton else ()
    several = (each.server for each in snapshot.fleet.now.servers) if snapshot.fleet else ()
    return _named((*one, *several), patterns)


def given(options: Options, patterns: Sequence[str]) -> str:
    """The server of the command line that a pattern is of; empty where none is."""
    several = (options.servers or "").split(",")
    return _named(filter(None, (options.triton, options.server, *several)), patterns)


def _named(addresses: Iterable[str], patterns: Sequence[str]) -> str:
    for address in addresses:
        place: str = address.rpartition("://")[2].rstrip("/")
        host = place.rpartition(":")[0] or place
        if any(fnmatchcase(name, one) for one in patterns for name in (address, place, host)):
            return place
    return ""
