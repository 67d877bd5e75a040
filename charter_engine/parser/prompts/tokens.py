"""How many tokens a text has: by a real tokenizer where one is given, else an estimate that says
so."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from charter_engine.bls.tokenizer import load_tokenizer
from charter_engine.contracts.figures import Label

WORDS = re.compile(r"[A-Za-z]+|\d{1,3}|[^\sA-Za-z\d]{1,2}|\n+|[ \t]{2,}")
LETTERS_PER_TOKEN = 7
"""Byte-pair vocabularies hold most English words whole; longer ones fall into pieces of about this
length."""


class TokenCounter:
    """Counts tokens. `label` is measured with a tokenizer and assumed without one; `name` differs
    where counts may."""

    label: Label = "assumed"
    name = "estimate"

    def count(self, text: str) -> int:
        return estimate(text)


class RealTokenCounter(TokenCounter):
    """Counts with the tokenizer of the served model. Raises `TokenizerError` for a file that is
    none."""

    label: Label = "measured"

    def __init__(self, path: str) -> None:
        self._tokenizer = load_tokenizer(Path(path))
        self.name = hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()
        self._count = lru_cache(maxsize=4096)(self._encode)

    def count(self, text: str) -> int:
        return self._count(text)

    def _encode(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def estimate(text: str) -> int:
    """Words by length, numbers by threes, signs by twos."""
    total = 0
    for match in WORDS.finditer(text):
        piece = match.group()
        total += -(-len(piece) // LETTERS_PER_TOKEN) if piece[0].isalpha() else 1
    return total
