"""Servers by the names of the configuration: an address, or a host, with `*` for any part."""

import tomllib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

EVERY_SERVER = ("*",)


def read_only_of(configuration: str) -> tuple[str, ...]:
    """The servers that a configuration file has for `read_only`. Raises `ValueError` where that
    can't be told."""
    patterns = tomllib.loads(configuration).get("read_only", [])
    if not isinstance(patterns, list) or not all(isinstance(one, str) for one in patterns):
        raise ValueError("read_only is not a list of servers in quotes")
    return tuple(patterns)


def listed(addresses: Iterable[str], patterns: Sequence[str]) -> str:
    """The first server that a pattern is of; empty where none is."""
    for address in addresses:
        place: str = address.rpartition("://")[2].rstrip("/")
        host = place.rpartition(":")[0] or place
        if any(fnmatchcase(name, one) for one in patterns for name in (address, place, host)):
            return place
    return ""
