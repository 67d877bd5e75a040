"""What a start takes, beside a yardstick of the same run."""

from pathlib import Path

import pytest

from scripts.budgets import BARE, Bars, Budget, beside, ended


@pytest.mark.parametrize(("value", "is_kept"), [(30.0, True), (31.0, False)])
def test_a_figure_is_held_to_so_many_times_its_yardstick(value: float, is_kept: bool) -> None:
    budget = Budget("the console", value, yardstick=10.0, most=3, unit="MiB")
    assert budget.is_kept is is_kept
    assert str(budget).startswith(" " if is_kept else "✗")


def test_a_module_that_is_imported_in_addition_is_seen_in_every_figure(tmp_path: Path) -> None:
    bare, more = ended(BARE, tmp_path), ended("import asyncio, sqlite3, ssl", tmp_path)
    assert {"asyncio", "sqlite3"} <= more.modules - bare.modules
    assert more.mib > bare.mib
    found = beside("a start", more, bare, Bars(seconds=100, mib=100, modules=1.2))
    assert [budget.is_kept for budget in found] == [True, True, False]
