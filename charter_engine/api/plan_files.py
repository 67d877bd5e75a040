"""Plan files: read as an operator names them, and the place where one will be written."""

from pathlib import Path

from charter_engine.api.output_files import write_output
from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError
from charter_engine.paths import read_bounded
from charter_engine.plan.plan_file import LARGEST_PLAN_BYTES, InvalidPlan, read_plan
from charter_engine.plan.replan import replan

_REMEDY_FOR_PREVIOUS = "correct it, or write elsewhere; nothing was changed"


def plan_of(path: Path) -> Plan:
    """The plan in a file. Raises `UsageError`, naming the file and what to do."""
    try:
        return read_plan(read_bounded(path, LARGEST_PLAN_BYTES).decode(), str(path))
    except InvalidPlan as error:
        raise UsageError(str(error)) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text", remedy="give a plan file (YAML)") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", remedy="name a readable plan file") from None


def previous_plan(path: Path) -> str | None:
    """The text of the plan that will be written over, None where there is no file. Raises
    `UsageError` where what stands there is no plan."""
    if not path.exists():
        return None
    try:
        previous = read_bounded(path, LARGEST_PLAN_BYTES).decode()
        read_plan(previous, str(path))
    except InvalidPlan as error:
        raise UsageError(str(error), remedy=_REMEDY_FOR_PREVIOUS) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text", remedy=_REMEDY_FOR_PREVIOUS) from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", remedy=_REMEDY_FOR_PREVIOUS) from None
    return previous


def save_plan(plan: Plan, path: Path) -> None:
    """Write a plan to a file of its own. Raises `UsageError` where a file stands there already, and
    `CharterError` where it cannot be written."""
    if path.exists():
        raise UsageError(f"{path}: there is a file already", remedy="give another name")
    write_output(path, replan(plan))


def require_folder_of(path: str) -> None:
    """Raises `UsageError` where the folder to write a file into is missing. Empty: nothing will be
    written."""
    if path and not Path(path).parent.is_dir():
        raise UsageError(f"{path}: there is no such folder", remedy="make it first")
