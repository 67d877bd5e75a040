"""Tokenizers by the files that hold them."""

from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.prompts.tokens import Encode


def encode_of(path: str | Path | None) -> "Encode":
    """The encoder of a tokenizer.json, or of the folder that holds one; the embedded engine's for
    None.

    Raises `UsageError` naming the file.
    """
    from charter_engine.bls.prompt import Tokenizer
    from charter_engine.embedded.engine.tokenizer import tokenizer_path

    chosen = Path(path) if path else tokenizer_path()
    try:
        return Tokenizer(chosen).encode
    # The tokenizers library raises plain Exception for a file that is none.
    except Exception as error:
        raise UsageError(f"{chosen}: {error}", remedy="name a tokenizer.json") from None
