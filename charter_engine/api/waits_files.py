"""Waits files as commands read them: by their own name, or by that of the plan that names one."""

from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.contracts.plan import Plan
    from charter_engine.plan.retention.waits_file import WaitsFile


def read_waits(path: Path) -> "WaitsFile":
    """The waits file there. Raises naming the file and what to do."""
    from charter_engine.plan.retention.waits_file import LARGEST_BYTES, InvalidWaits, decode

    try:
        with path.open("rb") as file:
            return decode(file.read(LARGEST_BYTES + 1), str(path))
    except OSError as error:
        remedy = "charter-engine learn SOURCE… -o waits.json writes one"
        raise UsageError(
            f"{path}: {error.strerror}",
            remedy=remedy,
        ) from None
    except InvalidWaits as error:
        raise UsageError(
            str(error),
            remedy=error.remedy,
        ) from None


def waits_of_plan(plan: "Plan", plan_path: Path) -> "WaitsFile | None":
    """The waits a plan of policy `next-use` is decided by, request by request; None if it names
    none."""
    if plan.policy != "next-use" or plan.waits is None:
        return None
    try:
        return read_waits(plan_path.parent / plan.waits)
    except CharterError as failure:
        message = f"{plan_path}: waits: {failure.message}"
        raise UsageError(
            message,
            remedy=failure.remedy,
        ) from None
