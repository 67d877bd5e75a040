"""An order of servers that everybody finds alike who knows their names."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

_WORD = (1 << 64) - 1
"""Derived: keeps 64 bits, as splitmix64 computes."""


def ranked(key: bytes, servers: Iterable[str]) -> list[str]:
    """The servers, the one that the key belongs to first.

    Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates",
    1998): where a server leaves, only its own keys move, and each to the next in its order.
    """
    return list(_ranked(key, tuple(servers)))


@lru_cache(maxsize=4096)
def _ranked(key: bytes, servers: tuple[str, ...]) -> tuple[str, ...]:
    """Kept, since a session's key comes again and again."""
    word = _word(key)
    return tuple(
        sorted(servers, key=lambda server: (_mixed(word ^ _of_name(server)), server), reverse=True)
    )


@lru_cache(maxsize=4096)
def _of_name(server: str) -> int:
    return _word(server.encode())


def _word(text: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def _mixed(word: int) -> int:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): all bits depend on all."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & _WORD
    return word ^ word >> 31
