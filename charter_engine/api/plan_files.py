"""Plan files as commands read them."""

from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.contracts.plan import Plan


def plan_of(path: Path) -> "Plan":
    """The plan in a file. Raises `CharterError`, naming the file and what to do."""
    from charter_engine.paths import read_bounded
    from charter_engine.plan.plan_file import LARGEST_PLAN_BYTES, InvalidPlan, read_plan

    try:
        return read_plan(read_bounded(path, LARGEST_PLAN_BYTES).decode(), str(path))
    except InvalidPlan as error:
        raise UsageError(
            str(error),
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{path}: not UTF-8 text",
            remedy="give a plan file (YAML)",
        ) from None
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}",
            remedy="name a readable plan file",
        ) from None
