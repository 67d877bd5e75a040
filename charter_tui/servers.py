"""Servers by the names of the configuration: an address, or a host, with `*` for any part."""

from collections.abc import Sequence
from dataclasses import replace

from charter_engine.contracts.server_names import listed
from charter_tui.options import Options
from charter_tui.state import Snapshot


def served(snapshot: Snapshot, patterns: Sequence[str]) -> str:
    """The server that is watched and that a pattern is of; empty where none is."""
    one = (snapshot.triton.sample.url,) if snapshot.triton else ()
    several = (each.server for each in snapshot.fleet.now.servers) if snapshot.fleet else ()
    return listed((*one, *several), patterns)


def given(options: Options, patterns: Sequence[str]) -> str:
    """The server of the command line that a pattern is of; empty where none is."""
    several = (options.servers or "").split(",")
    return listed(filter(None, (options.triton, options.server, *several)), patterns)


def heeding(options: Options, read_only: Sequence[str]) -> Options:
    """The options, for looking alone where they name a server that is `read_only`."""
    looks = not options.write and given(options, read_only)
    return replace(options, read_only=True) if looks else options
