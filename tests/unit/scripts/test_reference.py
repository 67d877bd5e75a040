"""The reference is what the code says."""

from pathlib import Path

import pytest

from charter_engine.contracts.commands import RIGHT_OF
from scripts.reference.__main__ import DOCUMENTS, made
from scripts.reference.tables import anchor, table

MADE = dict(made())


@pytest.mark.parametrize("path", MADE, ids=lambda path: str(path.relative_to(DOCUMENTS)))
def test_a_page_is_as_the_code_makes_it(path: Path) -> None:
    assert path.read_text("utf-8") == MADE[path], "python -m scripts.reference writes it anew"


def test_no_page_is_there_that_nothing_makes() -> None:
    assert set((DOCUMENTS / "reference").iterdir()) <= set(MADE)


def test_every_command_of_the_protocol_has_a_section() -> None:
    page = MADE[DOCUMENTS / "reference" / "protocol.md"]
    assert [command for command in RIGHT_OF if f"### {command.__name__}\n" not in page] == []


def test_a_bar_within_a_cell_does_not_end_it() -> None:
    assert table(("a",), [("json|text",)]) == "| a |\n|---|\n| json\\|text |\n\n"


def test_a_table_without_rows_is_left_out() -> None:
    assert table(("a",), []) == ""


def test_a_title_is_linked_as_the_site_names_it() -> None:
    assert anchor("charter-engine triton up") == "charter-engine-triton-up"
    assert anchor("Agent.lint †") == "agentlint"
