"""Plan files as the engine reads them for a console, with the reuse times they name."""

from pathlib import Path

from msgspec.structs import replace

from charter_engine.bls.reuse_times import ReuseTimeRules
from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError
from charter_engine.paths import read_bounded
from charter_engine.plan.plan_file import LARGEST_PLAN_BYTES, InvalidPlan, read_plan
from charter_engine.plan.retention.online import online
from charter_engine.plan.retention.reuse_times_file import (
    LARGEST_BYTES,
    InvalidReuseTimes,
    decode,
)


def read_plan_at(path: str) -> Plan:
    """The plan in a file; its reuse times are named absolutely from now on. Raises
    `CharterError`."""
    try:
        plan = read_plan(read_bounded(Path(path), LARGEST_PLAN_BYTES).decode(), path)
    except InvalidPlan as error:
        raise UsageError(str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text", remedy="give a plan file (YAML)") from error
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}", remedy="give the path of a plan file"
        ) from error
    return (
        plan
        if plan.reuse_times is None
        else replace(plan, reuse_times=str((Path(path).parent / plan.reuse_times).absolute()))
    )


def reuse_times_to_push(plan: Plan) -> ReuseTimeRules | None:
    """The reuse times that a plan of policy `next-use` names; None if it names none. Raises
    `CharterError`."""
    if plan.policy != "next-use" or plan.reuse_times is None:
        return None
    try:
        found = decode(read_bounded(Path(plan.reuse_times), LARGEST_BYTES), plan.reuse_times)
    except OSError as error:
        raise UsageError(
            f"{plan.reuse_times}: {error.strerror}",
            remedy="learn the reuse times anew, or load another plan",
        ) from error
    except InvalidReuseTimes as error:
        raise UsageError(str(error), remedy=error.remedy) from error
    return online(found.model, found.price)
