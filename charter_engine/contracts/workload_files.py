"""What is asked of workload files, and what they are said to hold."""

from msgspec import Struct

from charter_engine.contracts.notes import Note


class InfoRequest(Struct, frozen=True, kw_only=True):
    """A workload to describe. `strict` refuses a file with a bad line."""

    file: str
    strict: bool = False


class ConvertRequest(Struct, frozen=True, kw_only=True):
    """A workload to write in another form: binary where `output` ends in .npz, else JSON Lines.
    Empty: to a stream, as lines."""

    file: str
    output: str = ""
    strict: bool = False


class PoolRequest(Struct, frozen=True, kw_only=True):
    """Agent sessions to interleave: so many of them, picked by the seed, each beginning at a random
    moment of the window, with pauses no longer than the cap."""

    file: str
    output: str = ""
    strict: bool = False
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
