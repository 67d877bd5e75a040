"""Makes the bundled `tokenizer.json` again.

Run as `python -m charter_engine.embedded.engine.train_tokenizer TEXT…`. It is trained on the
example agents and documents, and for plain English beyond them on the text of Python's own help
topics.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from pydoc_data import topics

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from charter_engine.embedded.engine.tokenizer import (
    BUNDLED_TOKENS,
    END_TOKEN,
    PAD_TOKEN,
    tokenizer_path,
)

WEIGHT = 4
"""The given texts are prose, the help topics half code and five times as long."""


def train(texts: Iterator[str], vocabulary: int = BUNDLED_TOKENS) -> Tokenizer:
    """A byte-level BPE; every byte is a token of its own, so every text can be encoded."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_TOKEN, PAD_TOKEN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def corpus(places: list[Path]) -> Iterator[str]:
    """The texts under `places`, in a fixed order and `WEIGHT` times, then Python's help topics."""
    for place in places * WEIGHT:
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.suffix in (".txt", ".md", ".py", ".jsonl"):
                yield file.read_text(encoding="utf-8")
    yield from (topics.topics[name] for name in sorted(topics.topics))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train the bundled tokenizer again.")
    parser.add_argument("texts", nargs="+", type=Path, help="files and folders to learn from")
    parser.add_argument("--output", type=Path, default=tokenizer_path())
    chosen = parser.parse_args(arguments)
    tokenizer = train(corpus(list(chosen.texts)))
    tokenizer.save(str(chosen.output), pretty=False)
    print(f"{chosen.output}: {tokenizer.get_vocab_size()} tokens", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
