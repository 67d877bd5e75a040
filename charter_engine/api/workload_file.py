"""A workload file in a notebook or a script."""

from charter_engine.api import workloads
from charter_engine.api.forms import asynchronous
from charter_engine.api.given import PathLike, checked, text_of
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.results import Result
from charter_engine.contracts.workload_files import (
    BY_FORMAT,
    ConvertRequest,
    InfoRequest,
    PoolRequest,
    ReadAs,
    TimeUnit,
    WorkloadInfo,
    WorkloadWritten,
)


class WorkloadFile:
    """Requests with arrival times, as they stand in a file. Made by `charter.workload`.

    Every method has an asynchronous form whose name ends in `_async`, and raises `UsageError`
    naming the file and what to do.
    """

    def __init__(
        self, path: PathLike, *, strict: bool = False, read_as: ReadAs = BY_FORMAT
    ) -> None:
        self.path = path
        self._strict = strict
        self._read_as = read_as

    def __repr__(self) -> str:
        return f"<workload {self.path}>"

    def info(self, *, report: Report = silent) -> Result[WorkloadInfo]:
        """What it holds: requests, sessions, tokens, seconds, and the share of prompt tokens that
        an unlimited pool would reuse."""
        report(Progress("reading the workload"))
        request = InfoRequest(file=str(self.path), strict=self._strict, read_as=self._read_as)
        return Result(workloads.info(request))

    def convert(self, output: PathLike, *, report: Report = silent) -> Result[WorkloadWritten]:
        """Write it in another form: binary where `output` ends in .npz, else JSON Lines."""
        report(Progress("converting the workload"))
        request = ConvertRequest(
            file=str(self.path),
            output=text_of(output),
            strict=self._strict,
            read_as=self._read_as,
        )
        return Result(workloads.convert(request))

    def pool(
        self,
        output: PathLike,
        *,
        sessions: int = 60,
        window_s: float = 3600.0,
        gap_cap_s: float = 600.0,
        seed: int = 0,
        report: Report = silent,
    ) -> Result[WorkloadWritten]:
        """Interleave its agent sessions into one workload: so many, picked by the seed, each
        beginning at a random moment of the window, with pauses no longer than the cap, in
        seconds."""
        report(Progress("interleaving sessions"))
        request = PoolRequest(
            file=str(self.path),
            output=text_of(output),
            strict=self._strict,
            read_as=self._read_as,
            sessions=sessions,
            window_s=window_s,
            gap_cap_s=gap_cap_s,
            seed=seed,
        )
        return Result(workloads.pool(checked(request)))

    info_async = asynchronous(info)
    convert_async = asynchronous(convert)
    pool_async = asynchronous(pool)


def workload(
    path: PathLike,
    *,
    strict: bool = False,
    block_tokens: int | None = None,
    time_unit: TimeUnit | None = None,
    tokenizer: PathLike | None = None,
) -> WorkloadFile:
    """A workload, a recording's measured requests, or agent sessions, by the file's path. Nothing
    is read yet. `strict` refuses a file with a bad line; `block_tokens`, `time_unit` and
    `tokenizer` are what the file does not say of itself, as in `contracts.workload_files.ReadAs`.
    """
    read_as = ReadAs(block_tokens=block_tokens, time_unit=time_unit, tokenizer=text_of(tokenizer))
    return WorkloadFile(path, strict=strict, read_as=read_as)
