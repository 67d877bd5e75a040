"""What a block's content is compared by.

A key is the bytes of the block's token ids, 8 each, or of its (token id, extra id) pairs, 16 each,
if the request came with extra ids. Bytes remember their hash, compare as memory, and sorting them
puts long common runs next to each other. LoRA task id, cache salt id and the extra-ids flag are
equal along a whole path of the tree and therefore belong to its root (see `tree`).
"""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

TOKEN_BYTES = 8
PAIR_BYTES = 2 * TOKEN_BYTES
"""Derived: a token's id, and an extra id, is an unsigned number of 64 bits."""


class Namespace(NamedTuple):
    """Blocks match exactly only within one namespace. None differs from every number, 0
    included."""

    lora_task_id: int | None
    cache_salt_id: int | None
    extra_ids: bool

    @property
    def unit(self) -> int:
        """Bytes a token takes in a key."""
        return PAIR_BYTES if self.extra_ids else TOKEN_BYTES

    @property
    def twin(self) -> "Namespace":
        """The namespace that differs only in the extra-ids flag, which a partial match does not
        look at."""
        return self._replace(extra_ids=not self.extra_ids)


def encode(tokens: Sequence[int], extra_ids: Sequence[int] | None) -> bytes:
    """The content of a run of tokens. Raises ValueError for ids that are not whole numbers of 64
    bits, or a length mismatch between tokens and extra ids.
    """
    try:
        if extra_ids is None:
            return array("Q", tokens).tobytes()
        if len(extra_ids) != len(tokens):
            raise ValueError(
                f"{len(tokens)} tokens came with {len(extra_ids)} extra ids; each token needs one"
            )
        pairs = array("Q", bytes(PAIR_BYTES * len(tokens)))
        pairs[::2] = array("Q", tokens)
        pairs[1::2] = array("Q", extra_ids)
        return pairs.tobytes()
    except (OverflowError, TypeError) as error:
        raise ValueError(
            f"token and extra ids must be whole numbers from 0 to 2**64 - 1: {error}"
        ) from error


def decode(key: bytes, unit: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Token ids and extra ids of a key; the extra ids are empty if the request came without."""
    numbers = array("Q", key)
    if unit == TOKEN_BYTES:
        return tuple(numbers), ()
    return tuple(numbers[::2]), tuple(numbers[1::2])


def common_run(one: bytes, other: bytes, unit: int) -> int:
    """Tokens two keys of equal unit have in common from their start."""
    length = min(len(one), len(other))
    difference = int.from_bytes(one[:length]) ^ int.from_bytes(other[:length])
    return (length - (difference.bit_length() + 7) // 8) // unit


def to_twin(key: bytes, unit: int) -> bytes:
    """The key in its twin namespace, where no extra id means extra id 0.

    Of a key with extra ids only the leading tokens with extra id 0 have a counterpart.
    """
    tokens, extra_ids = decode(key, unit)
    if unit == TOKEN_BYTES:
        return encode(tokens, [0] * len(tokens))
    plain = next((i for i, extra_id in enumerate(extra_ids) if extra_id), len(tokens))
    return encode(tokens[:plain], None)
