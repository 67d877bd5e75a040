"""The served model's tokenizer, read from a Hugging Face `tokenizer.json`."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .end_tokens import EndTokens, read_end_tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HuggingFaceTokenizer

TOKENIZER_FILE = "tokenizer.json"


class TokenizerError(ValueError):
    """A file that is no tokenizer; the message names it."""


def load_tokenizer(path: Path) -> "HuggingFaceTokenizer":
    """The tokenizer in a file, or in the directory that holds its `tokenizer.json`.

    Raises `TokenizerError`.
    """
    from tokenizers import Tokenizer  # 20 ms that only those pay who tokenise

    file = path / TOKENIZER_FILE if path.is_dir() else path
    if not file.is_file():
        raise TokenizerError(f"{file}: there is no such file")
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises plain Exception
        raise TokenizerError(f"{file} is no readable tokenizer.json: {error}") from None


class Tokenizer:
    """A Hugging Face `tokenizer.json` (a file, or a directory that holds one).

    Raises `TokenizerError` for a file that is none.
    """

    def __init__(self, path: Path, *, add_special_tokens: bool = True) -> None:
        self._tokenizer = load_tokenizer(path)
        self._path = path
        self._add_special_tokens = add_special_tokens

    @cached_property
    def ends(self) -> EndTokens:
        """What ends a text of the model's, by the settings beside the tokenizer."""
        return read_end_tokens(self._path, self._tokenizer.token_to_id)

    def encode(
        self, text: str, ends: Sequence[int] = (), *, begins_prompt: bool = True
    ) -> tuple[list[int], list[int]]:
        """The ids of the whole text, and for each end in characters the number of tokens that begin
        before it.

        The text is tokenised as one, as any other client's would be: equal prefixes stay equal.
        A token that reaches across a boundary belongs to the segment in which it begins.
        """
        special = self._add_special_tokens and begins_prompt
        encoding = self._tokenizer.encode(text, add_special_tokens=special)
        ids: list[int] = encoding.ids
        return ids, [self._token_end(encoding, end, len(text), len(ids)) for end in ends]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of these tokens, special ones left out."""
        return str(self._tokenizer.decode(list(token_ids), skip_special_tokens=True))

    def text(self, token_ids: Sequence[int]) -> str:
        """The text of these tokens, special ones by their names."""
        return str(self._tokenizer.decode(list(token_ids), skip_special_tokens=False))

    @staticmethod
    def _token_end(encoding: Any, end: int, length: int, tokens: int) -> int:
        while end < length:
            token = encoding.char_to_token(end)
            if token is not None:
                begins = encoding.token_to_chars(token)[0]
                return int(token) if begins >= end else int(token) + 1
            end += 1  # a character that no token covers, such as a space that the tokenizer drops
        return tokens
