"""The tokenizer that an operator names."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

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


@cache
def _assumed() -> "Tokenizer":
    return open_tokenizer()
