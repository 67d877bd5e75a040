"""What a revision changed in the files that it put where."""

from pathlib import Path

import pytest

from charter_engine.api.revisions import changed_files
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.plan import Plan
from charter_engine.triton.journal import Journal
from charter_engine.triton.journal_records import Record

PLAN = "charter_bls/1/plan.json"


def record(number: int, parent: int | None, **files: str) -> Record:
    plan = Plan(agent="agent.py")
    revision = Revision(
        number=number,
        created_at=1.0,
        deployment="d",
        agent=plan.agent,
        plan=plan,
        parent=parent,
    )
    return Record(revision=revision, files={PLAN: files["plan"]})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "journal")
    with journal.locked():
        journal.keep_found(record(0, None, plan='{"revision": 0, "layout": "source"}'))
        journal.commit(record(1, 0, plan='{"revision": 1, "layout": "source"}'))
        journal.commit(record(2, 0, plan='{"revision": 2, "layout": "append-only"}'))
    return journal


def test_files_are_compared_field_by_field_with_the_revision_it_was_made_behind(
    journal: Journal,
) -> None:
    changes = [(one.place, one.key, one.old, one.new) for one in changed_files(journal, 2)]
    assert changes == [
        (PLAN, "layout", "source", "append-only"),
        (PLAN, "revision", "0", "2"),
    ]


@pytest.mark.parametrize("number", [0, 7])
def test_what_has_no_revision_before_it_on_record_has_no_changes(
    journal: Journal, number: int
) -> None:
    assert changed_files(journal, number) == ()
