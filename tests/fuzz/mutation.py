"""Spoilt copies of good inputs: of their bytes, and of the values that they hold."""

import random
from collections.abc import Callable, Sequence
from typing import Any

Mutate = Callable[[random.Random, bytes], bytes]

NUMBERS = (0, -1, 1, 2**31 - 1, 2**31, 2**53, 2**62, 2**63 - 1, -(2**63), 10**12)
NASTY: tuple[Any, ...] = (
    None, True, "", "\0", "a" * 5_000, [], {}, [[]], {"": None}, b"\xff", 1e308, -0.0,
    float("nan"), float("inf"), *NUMBERS,
)  # fmt: skip
DEEP = 600
BYTES = (
    b"\0",
    b"\xff",
    b"\x80",
    b"[",
    b"{",
    b'"',
    b"\n",
    b"&a",
    b"*a",
    b": ",
    b"- ",
    b"NaN",
    b"e9",
)


def mutate_bytes(chance: random.Random, seed: bytes) -> bytes:
    """One to eight spoilt places: flipped, cut, doubled, moved or put in."""
    spoilt = bytearray(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        place = chance.randrange(len(spoilt) + 1)
        length = chance.choice((1, 2, 4, 16, 256))
        match chance.randrange(7):
            case 0 if place < len(spoilt):
                spoilt[place] ^= 1 << chance.randrange(8)
            case 1:
                del spoilt[place : place + length]
            case 2:
                spoilt[place:place] = spoilt[place : place + length] * chance.choice((1, 2, 50))
            case 3:
                spoilt[place : place + length] = chance.randbytes(length)
            case 4:
                spoilt[place:place] = chance.choice(BYTES) * chance.choice((1, 3, DEEP))
            case 5:
                spoilt[place:place] = str(chance.choice(NUMBERS)).encode()
            case _:
                del spoilt[place:]
    return bytes(spoilt)


def mutate_value(chance: random.Random, value: Any) -> Any:
    """A copy of plain data with something in it replaced, left out or doubled."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: mutate_value(chance, value[key])}
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        if chance.random() < 0.1:
            return [*value[:place], *value[place : place + 1] * chance.choice((0, 2, 100))]
        return [*value[:place], mutate_value(chance, value[place]), *value[place + 1 :]]
    if chance.random() < 0.05:
        return nested(DEEP)
    return chance.choice(NASTY)


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def either(*ways: Mutate) -> Mutate:
    """One of several mutations, picked anew each time."""

    def mutate(chance: random.Random, seed: bytes) -> bytes:
        return chance.choice(ways)(chance, seed)

    return mutate


def splice(seeds: Sequence[bytes]) -> Mutate:
    """The beginning of one seed and the end of another."""

    def mutate(chance: random.Random, seed: bytes) -> bytes:
        other = chance.choice(seeds)
        return seed[: chance.randrange(len(seed) + 1)] + other[chance.randrange(len(other) + 1) :]

    return mutate
