"""Reuse-times files: read by their own name or by that of the plan that names one, and written."""

from pathlib import Path

from charter_engine.api.output_files import write_output
from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.planning import WaitsWritten
from charter_engine.errors import CharterError, UsageError
from charter_engine.paths import read_bounded
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.reuse_times_file import (
    LARGEST_BYTES,
    InvalidReuseTimes,
    ReuseTimesFile,
    decode,
    encode,
)
from charter_engine.plan.retention.scale import PRICING, Pricing


def read_reuse_times(path: Path) -> ReuseTimesFile:
    """The reuse-times file there. Raises `UsageError`, naming the file and what to do."""
    try:
        return decode(read_bounded(path, LARGEST_BYTES), str(path))
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}",
            remedy="charter-engine learn SOURCE… -o waits.json writes one",
        ) from None
    except InvalidReuseTimes as error:
        raise UsageError(str(error), remedy=error.remedy) from None


def reuse_times_of_plan(plan: Plan, plan_path: Path) -> ReuseTimesFile | None:
    """The reuse times a plan of policy `next-use` is decided by, request by request; None if it
    names none. Raises `UsageError`."""
    if plan.policy != "next-use" or plan.reuse_times is None:
        return None
    try:
        return read_reuse_times(plan_path.parent / plan.reuse_times)
    except CharterError as failure:
        raise UsageError(f"{plan_path}: waits: {failure.message}", remedy=failure.remedy) from None


def write_reuse_times(
    path: Path,
    model: ReuseTimeModel,
    sources: tuple[str, ...],
    pricing: Pricing = PRICING,
    room: PoolRoom | None = None,
) -> WaitsWritten:
    """Write a reuse-times file, or leave what is there as it was. Raises `CharterError`."""
    write_output(path, encode(model, pricing=pricing, room=room, sources=sources))
    return WaitsWritten(path=str(path), requests=model.requests, sessions=model.sessions)
