"""The tokens of recent prompts and their answers, so that one can be looked at that missed.

They stand in memory that all instances of the model share, of a bounded size: the oldest go first.
They are never written to a disk, and gone when the model is unloaded.
"""

import hashlib
import hmac
import json
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .ring import MEMORY, Ring, open_ring

DEFAULT_BYTES = 32 << 20
"""Assumed: about eight million tokens, minutes of a busy server and half of the ring's size."""
QUERY = "prompt:"
"""What a reader sends in place of a cursor: `prompt:HASH`, and behind it any number of
`:START:STOP`, for the texts of those tokens, too. HASH is the last of the chained hashes in a
record, in hexadecimal. Where a key is asked for, it stands last, behind `KEY_MARK`."""
KEY_MARK = "#"

_QUERY = re.compile(rf"{QUERY}([0-9a-f]{{1,16}})((?::\d{{1,9}}:\d{{1,9}}){{0,16}})")
NOT_YOURS = "charter_tap: recent prompts are told to who sends the server's key"
_HEAD = struct.Struct("<QI")
"""The last chained hash of a prompt, and how many tokens it has; its tokens and the answer's
follow."""
Decode = Callable[[Sequence[int]], str]


class RecentError(ValueError):
    """A query that cannot be answered; the message says why."""


class RecentPrompts:
    """Keeps prompts and gives them back; where `key_sha256` is given, only to who sends that key.
    All methods may be called from any thread."""

    def __init__(self, ring: Ring, key_sha256: str = "") -> None:
        self._ring = ring
        self._key_sha256 = key_sha256

    def add(self, last_hash: int, token_ids: Any, answer_ids: Any) -> None:
        """Keep a prompt, if there is room for it, and its answer: ids in NumPy arrays."""
        head = _HEAD.pack(last_hash, len(token_ids))
        tokens = _bytes_of(token_ids)
        answer = _bytes_of(answer_ids)
        if self._ring.holds(len(head) + len(tokens) + len(answer)):
            self._ring.append(head, tokens, answer)

    def told(self, query: str, decode: Decode) -> list[bytes]:
        """What is known of a prompt, as a JSON object; then its tokens and those of the answer,
        four bytes each; then the texts that were asked for.

        A prompt that is no longer kept is told by an empty object. Raises `RecentError`.
        """
        asked, _, key = query.partition(KEY_MARK)
        last_hash, spans = _parsed(asked)
        digest = hashlib.sha256(key.encode()).hexdigest()
        if self._key_sha256 and not hmac.compare_digest(digest, self._key_sha256):
            raise RecentError(NOT_YOURS)
        record = self._ring.latest(_HEAD.pack(last_hash, 0)[:8])
        if record is None:
            return [b"{}"]
        _, prompt_tokens = _HEAD.unpack_from(record)
        ids = record[_HEAD.size :]
        tokens: list[int] = np.frombuffer(ids, np.int32).tolist()
        heading = json.dumps({"prompt_tokens": prompt_tokens}).encode()
        return [heading, ids, *(decode(tokens[start:stop]).encode() for start, stop in spans)]

    def close(self) -> None:
        self._ring.close()


def open_recent(model: str, most_bytes: int, key_sha256: str = "") -> RecentPrompts | None:
    """The memory of a model's recent prompts, told to holders of the key alone where there is one.

    None for no bytes, and where no memory can be had.
    """
    if most_bytes <= 0:
        return None
    try:
        ring = open_ring(f"{model} prompts", most_bytes, directories=(MEMORY,))
        return RecentPrompts(ring, key_sha256)
    except OSError:
        return None


def _bytes_of(token_ids: Any) -> bytes:
    ids: bytes = np.asarray(token_ids, np.int32).tobytes()
    return ids


def _parsed(query: str) -> tuple[int, list[tuple[int, int]]]:
    """The hash, and from which tokens to before which texts are wanted."""
    found = _QUERY.fullmatch(query)
    if found is None:
        raise RecentError(
            f"charter_tap: {query[:60]!r} is no query: send prompt:HASH or prompt:HASH:START:STOP"
        )
    numbers = [int(word) for word in found[2].split(":")[1:]]
    return int(found[1], 16), list(zip(numbers[::2], numbers[1::2], strict=True))
