"""The revisions of a deployment: what each changed, and which is live."""

from pathlib import Path

import pytest

from charter_engine.api import revisions
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError
from charter_engine.triton.journal import Journal
from charter_engine.triton.journal_records import Record

PLAN = "charter_bls/1/plan.json"


def record(number: int, parent: int | None, plan: str) -> Record:
    revision = Revision(
        number=number,
        created_at=1.0,
        deployment="d",
        agent="agent.py",
        plan=Plan(agent="agent.py"),
        parent=parent,
    )
    return Record(revision=revision, files={PLAN: plan})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Of three revisions, the last live."""
    journal = Journal(tmp_path / "journal")
    with journal.locked():
        journal.keep_found(record(0, None, '{"revision": 0, "layout": "source"}'))
        journal.commit(record(1, 0, '{"revision": 1, "layout": "source"}'))
        journal.commit(record(2, 0, '{"revision": 2, "layout": "append-only"}'))
    return journal


def test_files_are_compared_field_by_field_with_the_revision_it_was_made_behind(
    journal: Journal,
) -> None:
    changes = [
        (one.place, one.key, one.old, one.new) for one in revisions.changed_files(journal, 2)
    ]
    assert changes == [
        (PLAN, "layout", "source", "append-only"),
        (PLAN, "revision", "0", "2"),
    ]


@pytest.mark.parametrize("number", [0, 7])
def test_what_has_no_revision_before_it_on_record_has_no_changes(
    journal: Journal, number: int
) -> None:
    assert revisions.changed_files(journal, number) == ()


async def test_of_a_journal_that_was_put_away_no_revision_is_live(journal: Journal) -> None:
    kept = journal.directory
    listed = await revisions.history(TritonOptions(), kept=kept)
    shown = await revisions.show(2, TritonOptions(), kept=kept)
    assert (listed[-1].state, shown.revision.state) == ("ended", "ended")


async def test_a_revision_that_is_not_on_record_is_named_with_those_that_are(
    journal: Journal,
) -> None:
    with pytest.raises(UsageError, match="revision 7 is not on record") as refused:
        await revisions.show(7, TritonOptions(), kept=journal.directory)
    assert refused.value.remedy == "revisions on record: 0, 1, 2"
