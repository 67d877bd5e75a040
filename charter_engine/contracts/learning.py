"""What is asked when something is learnt from measured requests, and the answers."""

from msgspec import Struct

from charter_engine.bls.retention import DecideAt
from charter_engine.contracts.latency import Calibration
from charter_engine.contracts.notes import Note
from charter_engine.contracts.planning import WaitsWritten
from charter_engine.contracts.reuse_times import LearnReport
from charter_engine.contracts.workload_files import ReadAs

__all__ = ["CalibrateRequest", "CalibrateResult", "DecideAt", "LearnRequest", "LearnResult"]


class LearnRequest(Struct, frozen=True, kw_only=True):
    """Sessions to learn from when prompts come back: recordings, workloads, agent sessions. The
    reuse-times file is written to `output` (empty: nowhere). `strict` refuses a file with a bad
    line."""

    sources: tuple[str, ...]
    output: str = ""
    decide_at: DecideAt = "sent"
    strict: bool = False
    read_as: ReadAs = ReadAs()


class LearnResult(Struct, frozen=True, kw_only=True):
    """What was learnt, and the file it was written to."""

    report: LearnReport
    reuse_times_written: WaitsWritten | None = None
    notes: tuple[Note, ...] = ()


class CalibrateRequest(Struct, frozen=True, kw_only=True):
    """Measured requests to fit the latency model to: a recording, the JSON of a run, or records."""

    recording: str


class CalibrateResult(Struct, frozen=True, kw_only=True):
    """The fitted model, and how far it is off."""

    calibration: Calibration
    notes: tuple[Note, ...] = ()
