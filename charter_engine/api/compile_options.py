"""What besides the source decides a compilation, read from the files that an operator names."""

import tomllib
from pathlib import Path
from typing import Any

from charter_engine.analysis.compile import CompileOptions
from charter_engine.errors import UsageError
from charter_engine.parser.model_calls.catalogue import (
    CatalogueError,
    default_catalogue,
    extended_catalogue,
)
from charter_engine.parser.prompts.tokens import RealTokenCounter, TokenCounter


def compile_options(config: str | None = None, tokenizer: str | None = None) -> CompileOptions:
    """The catalogue with the `[recognizers]` of a TOML file added, and the counter of a tokenizer.

    Raises `UsageError` naming the file.
    """
    catalogue, tokens = default_catalogue(), TokenCounter()
    if config:
        try:
            catalogue = extended_catalogue(table_of(config, "recognizers"))
        except CatalogueError as error:
            raise UsageError(f"{config}: {error}", remedy="correct the table") from None
    if tokenizer:
        try:
            tokens = RealTokenCounter(tokenizer)
        except ValueError as error:
            remedy = "name a tokenizer.json, or a folder that holds one"
            raise UsageError(str(error), remedy=remedy) from None
    return CompileOptions(catalogue, tokens)


def table_of(path: str, name: str) -> dict[str, Any]:
    """A table of a TOML file, empty where it has none. Raises `UsageError` naming the file."""
    try:
        table = tomllib.loads(Path(path).read_text("utf-8")).get(name, {})
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", remedy="check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}", remedy="correct the file") from None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: [{name}] must be a table", remedy="correct the file")
    return table
