"""The revisions of a deployment that is gone."""

from pathlib import Path

import pytest

from charter_engine.api import revisions
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError
from charter_engine.triton.journal import Journal
from charter_engine.triton.journal_records import Record


@pytest.fixture
def put_away(tmp_path: Path) -> Path:
    """A journal of which revision 1 was live at the end."""
    journal = Journal(tmp_path / "put-away")
    with journal.locked():
        journal.keep_found(_record(0))
        journal.commit(_record(1))
    return journal.directory


def _record(number: int) -> Record:
    plan = Plan(agent="a.py")
    return Record(
        revision=Revision(number=number, created_at=1.0, deployment="d", agent="a.py", plan=plan),
        files={},
    )


async def test_of_a_journal_that_was_put_away_no_revision_is_live(put_away: Path) -> None:
    listed = await revisions.history(TritonOptions(), kept=put_away)
    shown = await revisions.show(1, TritonOptions(), kept=put_away)
    assert (listed[1].state, shown.revision.state) == ("ended", "ended")


async def test_a_revision_that_is_not_on_record_is_named_with_those_that_are(
    put_away: Path,
) -> None:
    with pytest.raises(UsageError, match="revision 7 is not on record") as refused:
        await revisions.show(7, TritonOptions(), kept=put_away)
    assert refused.value.remedy == "revisions on record: 0, 1"
