"""Plans that a console saves."""

from pathlib import Path

import pytest

from charter_engine.api.drafting import plan_from_anywhere
from charter_engine.api.plan_files import save_plan
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.errors import CharterError, UsageError

PLAN = Plan(agent="a.py", nodes={"draft": NodePlan(layout="prefix-first", order=(1, 0))})


def test_a_saved_plan_is_read_again_as_it_was(tmp_path: Path) -> None:
    save_plan(PLAN, tmp_path / "plan.yaml")
    assert plan_from_anywhere(tmp_path / "plan.yaml") == PLAN


def test_a_file_that_stands_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(UsageError, match="there is a file already"):
        save_plan(PLAN, path)
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CharterError, match="could not be written"):
        save_plan(PLAN, tmp_path / "nowhere" / "plan.yaml")
