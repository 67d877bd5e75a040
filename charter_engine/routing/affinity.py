"""What of a request tells the server that it belongs to, and what of it may be cached there.

content   |<- head: up to the first thing a user says ->|  the conversation that grows  |
grains    |  2 KiB  |  2 KiB  |  2 KiB  |  … each named by the hash of all up to its end
"""

from collections.abc import Hashable
from dataclasses import dataclass
from hashlib import blake2b

GRAIN_BYTES = 2048
"""About 500 tokens of English: finer ones tell little more of a pool of a million tokens."""
HEAD_BYTES = 1024
"""Assumed: some 250 tokens, as far as prompts of different programs seldom are alike."""


@dataclass(frozen=True)
class Affinity:
    """`key` is alike for requests that should meet on one server. `grains` name the content, each
    with all before it; what is behind the last whole grain is left out."""

    key: bytes
    grains: tuple[Hashable, ...] = ()


def affinity_of(session: str, content: bytes, head: int = HEAD_BYTES) -> Affinity:
    """By the session where the client names one, else by the first `head` bytes of the content:
    the cache group of a prompt, or the opening of a conversation."""
    if session:
        return Affinity(b"session\0" + session.encode(errors="replace"), grains_of(content))
    return Affinity(b"content\0" + content[:head], grains_of(content))


def grains_of(content: bytes) -> tuple[bytes, ...]:
    """The chained names of all whole grains."""
    hashed = blake2b(digest_size=8)
    names = []
    for end in range(GRAIN_BYTES, len(content) + 1, GRAIN_BYTES):
        hashed.update(content[end - GRAIN_BYTES : end])
        names.append(hashed.digest())
    return tuple(names)
