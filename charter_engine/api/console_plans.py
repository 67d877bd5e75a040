"""Plan files as the engine reads them for a console, with the waits they name."""

from pathlib import Path

from msgspec.structs import replace

from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError
from charter_engine.paths import read_bounded
from charter_engine.plan.plan_file import LARGEST_PLAN_BYTES, InvalidPlan, read_plan
from charter_engine.plan.retention.online import OnlineWaits, online
from charter_engine.plan.retention.waits_file import LARGEST_BYTES, InvalidWaits, decode


def read_plan_at(path: str) -> Plan:
    """The plan in a file; its waits are named absolutely from now on. Raises `CharterError`."""
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
        if plan.waits is None
        else replace(plan, waits=str((Path(path).parent / plan.waits).absolute()))
    )


def waits_to_push(plan: Plan) -> OnlineWaits | None:
    """The waits that a plan of policy `next-use` names; None if it names none. Raises
    `CharterError`."""
    if plan.policy != "next-use" or plan.waits is None:
        return None
    try:
        found = decode(read_bounded(Path(plan.waits), LARGEST_BYTES), plan.waits)
    except OSError as error:
        raise UsageError(
            f"{plan.waits}: {error.strerror}", remedy="learn the waits anew, or load another plan"
        ) from error
    except InvalidWaits as error:
        raise UsageError(str(error), remedy=error.remedy) from error
    return online(found.model, found.price)
