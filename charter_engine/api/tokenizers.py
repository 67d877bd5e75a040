"""The tokenizer that an operator names."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.bls.tokenizer import TOKENIZER_FILE
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.bls.tokenizer import Tokenizer


def open_tokenizer(path: str | Path | None = None) -> "Tokenizer":
    """The tokenizer of a `tokenizer.json`, or of the folder that holds one.

    None: the embedded engine's.
    Raises `UsageError` naming the file.
    """
    from charter_engine.bls.tokenizer import Tokenizer, TokenizerError
    from charter_engine.embedded.engine.tokenizer import tokenizer_path

    try:
        return Tokenizer(Path(path) if path else tokenizer_path())
    except TokenizerError as error:
        raise UsageError(
            str(error), remedy="name a tokenizer.json, or a folder that holds one"
        ) from None


def assumed_tokens(text: str) -> Sequence[int]:
    """The tokens of a text by the embedded engine's tokenizer: *assumed*, where nobody names the
    model's own."""
    return _assumed().encode(text, begins_prompt=False)[0]


def tokens_by(path: str) -> Callable[[str], Sequence[int]]:
    """The tokens of a text by the tokenizer that an operator names. Raises `UsageError`."""
    tokenizer = open_tokenizer(path)
    return lambda text: tokenizer.encode(text, begins_prompt=False)[0]


def tokenizer_identity(path: str) -> str:
    """A name for a tokenizer's file as it is; it changes when the file does. Raises
    `UsageError`."""
    from charter_engine.store.workload_cache import cache_key

    file = Path(path) / TOKENIZER_FILE if Path(path).is_dir() else Path(path)
    try:
        return cache_key(file)
    except OSError as error:
        raise UsageError(
            f"{file}: {error.strerror}", remedy="name a tokenizer.json, or a folder that holds one"
        ) from None


@cache
def _assumed() -> "Tokenizer":
    return open_tokenizer()
