"""The runs on record as results: listed, one of them, or two side by side."""

from charter_engine.api import runs as kept
from charter_engine.api.forms import synchronous
from charter_engine.api.results import Result
from charter_engine.contracts.runs import RunComparison, RunDetail, RunList


async def runs_async(agent: str = "") -> Result[RunList]:
    """The runs that `charter-engine run`, a console or a script of this user kept, the latest
    first, each with what it cost: of the agent of that name, or of all.

    Raises `CharterError` where the database cannot be read.
    """
    return Result(await kept.runs(agent))


async def show_run_async(number: int) -> Result[RunDetail]:
    """One run on record with its requests. Raises `UsageError` where there is none of that
    number."""
    return Result(await kept.run_of(number))


async def compare_runs_async(before: int, after: int) -> Result[RunComparison]:
    """How the second run differs from the first: every figure with the interval of its change, and
    a verdict in words that weighs whole time before the hit rate. Raises `UsageError`."""
    return Result(await kept.compare(before, after))


runs = synchronous(runs_async)
show_run = synchronous(show_run_async)
compare_runs = synchronous(compare_runs_async)
