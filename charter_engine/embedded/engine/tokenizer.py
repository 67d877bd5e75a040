"""The bundled tokenizer: a byte-level BPE of 4,096 tokens.

With it token counts mean what they mean elsewhere.

The same file serves the engine, `charter_bls` and Charter's own token counts.
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.bls.tokenizer import TokenizerError, load_tokenizer
from charter_engine.embedded.engine.errors import EngineConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BUNDLED_TOKENS = 4096
"""Assumed: enough that English is words and syllables, few enough for small embeddings."""
END_TOKEN = "<|end|>"
PAD_TOKEN = "<|pad|>"


def tokenizer_path() -> Path:
    """The bundled `tokenizer.json` (Hugging Face tokenizers format)."""
    return Path(__file__).with_name("tokenizer.json")


@lru_cache(maxsize=4)
def engine_tokenizer(path: Path) -> "Tokenizer":
    """The tokenizer of an engine. Raises `EngineConfigError` for a file that is none."""
    try:
        return load_tokenizer(path)
    except TokenizerError as error:
        raise EngineConfigError(str(error)) from None


def vocabulary_size(path: Path) -> int:
    """How many tokens a tokenizer has. The bundled one need not be loaded for that, which takes
    9 MB. Raises `EngineConfigError` for a file that is none."""
    bundled = path == tokenizer_path()
    return BUNDLED_TOKENS if bundled else int(engine_tokenizer(path).get_vocab_size())


def whole_words(tokenizer: "Tokenizer") -> list[int]:
    """Tokens that are a space and a whole lower-case word.

    Encoding their text gives them back.

    Any sequence of them decodes to valid text which encodes to the same sequence again, also behind
    a prompt and in front of a line break. So what a random model says can be put into the next
    prompt and be found in the cache.
    """
    vocabulary = tokenizer.get_vocab()
    candidates = [
        token for token in vocabulary if len(token) > 3 and token[0] == "Ġ" and token[1:].islower()
    ]
    candidates = [token for token in candidates if token[1:].isascii() and token[1:].isalpha()]
    encoded = tokenizer.encode_batch(
        [" " + token[1:] for token in candidates], add_special_tokens=False
    )
    return sorted(
        vocabulary[token]
        for token, found in zip(candidates, encoded, strict=True)
        if found.ids == [vocabulary[token]]
    )
