"""What is asked of workload files, and what they are said to hold."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.notes import Note

TimeUnit = Literal["ms", "s"]


class ReadAs(Struct, frozen=True, kw_only=True):
    """What a workload's file does not say of itself; what is left out is as its format has it.

    `block_tokens` is how many tokens an id stands for, `time_unit` what its times count.
    `tokenizer` is a `tokenizer.json`, or the folder that holds one, for files of texts (empty: the
    embedded engine's, *assumed*).
    """

    block_tokens: int | None = None
    time_unit: TimeUnit | None = None
    tokenizer: str = ""

    def __post_init__(self) -> None:
        if self.block_tokens is not None and self.block_tokens < 1:
            raise ValueError(f"a block of {self.block_tokens} tokens cannot be")


BY_FORMAT = ReadAs()
"""A file that says all of itself."""


class InfoRequest(Struct, frozen=True, kw_only=True):
    """A workload to describe. `strict` refuses a file with a bad line."""

    file: str
    strict: bool = False
    read_as: ReadAs = BY_FORMAT


class ConvertRequest(Struct, frozen=True, kw_only=True):
    """A workload to write in another form: binary where `output` ends in .npz, else JSON Lines.
    Empty: to a stream, as lines."""

    file: str
    output: str = ""
    strict: bool = False
    read_as: ReadAs = BY_FORMAT


class PoolRequest(Struct, frozen=True, kw_only=True):
    """Agent sessions to interleave: so many of them, picked by the seed, each beginning at a random
    moment of the window, with pauses no longer than the cap."""

    file: str
    output: str = ""
    strict: bool = False
    read_as: ReadAs = BY_FORMAT
    sessions: int = 60
    window_s: float = 3600.0
    gap_cap_s: float = 600.0
    seed: int = 0


class WorkloadFacts(Struct, frozen=True, kw_only=True):
    """`distinct_tokens` are prompt tokens with nothing equal at the same place behind the same
    prefix.

    `reusable` is the share of prompt tokens an unlimited pool without block rounding would reuse.
    `notes` say what limits these figures.
    """

    requests: int
    sessions: int
    nodes: int
    duration_s: float
    prompt_tokens: int
    output_tokens: int
    longest_prompt: int
    units: int
    branches: int
    distinct_tokens: int
    reusable: float
    notes: tuple[str, ...] = ()


class WorkloadInfo(Struct, frozen=True, kw_only=True):
    """What a workload holds."""

    facts: WorkloadFacts
    notes: tuple[Note, ...] = ()


class WorkloadWritten(Struct, frozen=True, kw_only=True):
    """What was written, and where (empty: to a stream)."""

    output: str
    requests: int
    prompt_tokens: int
    notes: tuple[Note, ...] = ()
