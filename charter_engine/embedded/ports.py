"""Ports for a server that cannot be given an open socket."""

import os
import socket
from pathlib import Path

FIRST_PORT = 10240
"""Above those that services have by custom."""
LAST_PORT = 65535
"""TCP has 16 bits for a port."""
LEAST_CANDIDATES = 1024
"""Where the kernel leaves fewer below its ephemeral ports, these are taken instead."""
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
DEFAULT_FIRST_EPHEMERAL_PORT = 32768
"""Linux's own default (Documentation/networking/ip-sysctl.rst)."""


def free_ports(count: int) -> list[int]:
    """Loopback ports nobody listens on at this moment, from below the kernel's ephemeral ones.

    An ephemeral port may become the near end of anybody's connection before the server listens on
    it; one below is taken only by somebody who asks for that very number.

    Raises:
        OSError: fewer than `count` are free.
    """
    candidates = range(FIRST_PORT, _end_of_candidates())
    first = int.from_bytes(os.urandom(4), "big") % len(candidates)
    found: list[int] = []
    for port in (*candidates[first:], *candidates[:first]):
        if _is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"fewer than {count} ports from {FIRST_PORT} to {candidates[-1]} are free")


def _end_of_candidates() -> int:
    try:
        end = int(EPHEMERAL_RANGE.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return DEFAULT_FIRST_EPHEMERAL_PORT
    return end if end >= FIRST_PORT + LEAST_CANDIDATES else LAST_PORT


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
