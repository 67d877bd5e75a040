"""Compiling an agent: what is asked, what comes of it, and what is kept of it."""

from msgspec import Struct

from charter_engine.contracts.graph import CompileResult, Opportunity
from charter_engine.contracts.notes import Note

TOKENS_PER_BLOCK = 32
"""The block size that predictions assume where none is given."""


class CompileRequest(Struct, frozen=True, kw_only=True):
    """Compile files and folders; each folder is one package.

    `config` is a TOML file whose `[recognizers]` add to the catalogue, `tokenizer` a
    `tokenizer.json` or the folder that holds one. Opportunities are predicted on `inputs` (None:
    those beside each file) with blocks of `tokens_per_block` tokens.
    """

    paths: tuple[str, ...]
    config: str | None = None
    tokenizer: str | None = None
    inputs: str | None = None
    tokens_per_block: int = TOKENS_PER_BLOCK
    use_cache: bool = True


class Compilation(Struct, frozen=True, kw_only=True):
    """The result, and how many files were compiled for it and how many taken from the cache."""

    result: CompileResult
    compiled: int
    cached: int
    notes: tuple[Note, ...] = ()


class Opportunities(Struct, frozen=True, kw_only=True):
    """An agent's opportunities, with the hit rate to expect of each at a block size."""

    path: str
    tokens_per_block: int
    opportunities: tuple[Opportunity, ...]


class ExplainRequest(Struct, frozen=True, kw_only=True):
    """Tell why a line (from 1) of a file is or isn't a call. `package` is the folder that the file
    is compiled with (empty: on its own). The others are as in `CompileRequest`."""

    path: str
    line: int
    package: str = ""
    config: str | None = None
    tokenizer: str | None = None


class Explanation(Struct, frozen=True, kw_only=True):
    """What `charter-engine compile --explain LINE --json` prints."""

    path: str
    line: int
    reasons: tuple[str, ...]


class CacheStatus(Struct, frozen=True):
    """What `charter-engine cache status --json` prints. Ages in seconds, sizes in bytes; None: no
    entries."""

    path: str
    files: int
    results: int
    bytes: int
    hits: int
    misses: int
    hit_rate: float | None
    oldest_age: float | None
    newest_age: float | None


class PoolReport(Struct, frozen=True, kw_only=True):
    """The cache after what was done with it, and how many entries that removed."""

    status: CacheStatus
    removed: int = 0
    notes: tuple[Note, ...] = ()
