"""Waits files: read by their own name or by that of the plan that names one, and written."""

from pathlib import Path

from charter_engine.api.output_files import write_output
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.planning import WaitsWritten
from charter_engine.errors import CharterError, UsageError
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.scale import PRICE
from charter_engine.plan.retention.waits_file import (
    LARGEST_BYTES,
    InvalidWaits,
    WaitsFile,
    decode,
    encode,
)


def read_waits(path: Path) -> WaitsFile:
    """The waits file there. Raises `UsageError`, naming the file and what to do."""
    try:
        with path.open("rb") as file:
            return decode(file.read(LARGEST_BYTES + 1), str(path))
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}",
            remedy="charter-engine learn SOURCE… -o waits.json writes one",
        ) from None
    except InvalidWaits as error:
        raise UsageError(str(error), remedy=error.remedy) from None


def waits_of_plan(plan: Plan, plan_path: Path) -> WaitsFile | None:
    """The waits a plan of policy `next-use` is decided by, request by request; None if it names
    none. Raises `UsageError`."""
    if plan.policy != "next-use" or plan.waits is None:
        return None
    try:
        return read_waits(plan_path.parent / plan.waits)
    except CharterError as failure:
        raise UsageError(f"{plan_path}: waits: {failure.message}", remedy=failure.remedy) from None


def write_waits(
    path: Path, model: ReuseTimeModel, sources: tuple[str, ...], price: float = PRICE
) -> WaitsWritten:
    """Write a waits file, or leave what is there as it was. Raises `CharterError`."""
    write_output(path, encode(model, price=price, sources=sources))
    return WaitsWritten(path=str(path), requests=model.requests, sessions=model.sessions)
