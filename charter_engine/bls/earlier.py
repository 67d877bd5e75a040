"""The calls that later prompts may continue: their very tokens, and digests of their pieces.

No text is kept. One instance of `charter_bls` remembers what it served itself: with several, or
after the plan was loaded anew, an earlier call may be unknown.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_CALLS = 16_384
"""Derived: calls of 244 tokens fill `MOST_TOKENS`; of shorter ones so many are kept."""
MOST_TOKENS = 4_000_000
"""Of all remembered prompts and answers: 16 MB."""
MOST_ALIKE = 4
"""Of calls with the same pieces, the latest so many."""
DIGEST_BYTES = 16
"""Derived: no two texts out of 2**40 have one digest of 128 bits by accident."""

Contents = tuple[bytes | None, ...]
"""A digest for each planned piece of a prompt and for its answer; None for fixed text, and for what
is not known."""


@dataclass(frozen=True)
class EarlierCall:
    """A call that was answered.

    `unit` is what its session is drawn by for a trial. `token_ids` are those of its prompt and its
    answer, and `token_ends` where each piece of `contents` ends in them; None where it was not sent
    as planned, so that nothing can continue it.
    """

    unit: str
    contents: Contents
    token_ids: Any = None
    token_ends: tuple[int, ...] = ()

    @property
    def as_planned(self) -> bool:
        return self.token_ids is not None


@dataclass
class _Kept:
    call: EarlierCall
    keys: tuple[bytes, ...]


class EarlierCalls:
    """The calls last answered, found by what a later prompt repeats of them.

    All methods may be called from any thread.
    """

    def __init__(self, most_calls: int = MOST_CALLS, most_tokens: int = MOST_TOKENS) -> None:
        self._most_calls, self._most_tokens = most_calls, most_tokens
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._by_key: dict[bytes, list[int]] = {}
        self._number = self._tokens = 0
        self._lock = threading.Lock()

    def add(self, call: EarlierCall, keys: Iterable[bytes]) -> None:
        """Remember a call under these keys, and forget the oldest that there is no room for."""
        kept = _Kept(call, tuple(keys))
        size = _size(call)
        if size > self._most_tokens:
            return
        with self._lock:
            self._number += 1
            self._kept[self._number] = kept
            self._tokens += size
            for key in kept.keys:
                numbers = self._by_key.setdefault(key, [])
                numbers.append(self._number)
                del numbers[:-MOST_ALIKE]
            while len(self._kept) > self._most_calls or self._tokens > self._most_tokens:
                self._forget(*self._kept.popitem(last=False))

    def find(self, key: bytes) -> list[EarlierCall]:
        """The calls under a key, the latest first."""
        with self._lock:
            numbers = self._by_key.get(key, ())
            return [self._kept[number].call for number in reversed(numbers)]

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def tokens(self) -> int:
        """How many tokens are remembered."""
        return self._tokens

    def _forget(self, number: int, kept: _Kept) -> None:
        self._tokens -= _size(kept.call)
        for key in kept.keys:
            numbers = self._by_key.get(key, [])
            if number in numbers:
                numbers.remove(number)
            if not numbers:
                self._by_key.pop(key, None)


def digest(text: str) -> bytes:
    """What stands for a text that is not kept."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def key_of(node: str, session: str, parts: Sequence[bytes]) -> bytes:
    """The key of calls that `node` may continue in `session` ("": one without a name), with pieces
    of these digests."""
    names = b"".join(digest(name) for name in (node, session))
    return hashlib.blake2b(names + b"".join(parts), digest_size=DIGEST_BYTES).digest()


def same_tokens(one: EarlierCall, other: EarlierCall) -> bool:
    """Whether two calls would be continued by the same tokens."""
    return bool(np.array_equal(one.token_ids, other.token_ids))


def _size(call: EarlierCall) -> int:
    return len(call.token_ids) if call.as_planned else 0
