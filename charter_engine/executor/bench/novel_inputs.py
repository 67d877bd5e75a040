"""Inputs that no earlier iteration has shown: as long as those given, and of other text.

Long text keeps its words and paragraphs; within each paragraph the words stand in an order drawn by
the seed, so that no prefix longer than chance is shared. Short values keep their shape: every
letter and digit is drawn anew.
"""

import random
import re
from collections.abc import Mapping
from typing import Any

LONG_WORDS = 24
"""Assumed: from here on a text keeps its length in tokens if its words are shuffled."""
HOW_IN_WORDS = (
    "words of each paragraph in another order, short values with other letters and digits"
)
_PARAGRAPHS = re.compile(r"(\n\s*\n)")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def unseen_inputs(inputs: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The inputs with every text in them changed by the seed; equal seeds give equal inputs."""
    generator = random.Random(seed)
    return {name: _changed(value, generator) for name, value in inputs.items()}


def _changed(value: Any, generator: random.Random) -> Any:
    if isinstance(value, str):
        return (
            _long(value, generator)
            if len(value.split()) >= LONG_WORDS
            else _short(value, generator)
        )
    if isinstance(value, list):
        return [_changed(item, generator) for item in value]
    if isinstance(value, dict):
        return {key: _changed(item, generator) for key, item in value.items()}
    return value


def _long(text: str, generator: random.Random) -> str:
    return "".join(_shuffled(part, generator) for part in _PARAGRAPHS.split(text))


def _shuffled(paragraph: str, generator: random.Random) -> str:
    if not paragraph.strip():
        return paragraph
    words = paragraph.split()
    generator.shuffle(words)
    return " ".join(words)


def _short(text: str, generator: random.Random) -> str:
    return "".join(_other(character, generator) for character in text)


def _other(character: str, generator: random.Random) -> str:
    if character.isdigit():
        return str(generator.randint(1, 9))
    if character.isalpha():
        letter = generator.choice(_LETTERS)
        return letter.upper() if character.isupper() else letter
    return character
