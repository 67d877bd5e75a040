"""What a deployment's journal keeps, and what it says when it is damaged."""

import fcntl
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from charter_engine.contracts.deploy import Revision, ServedFigures
from charter_engine.contracts.plan import Plan
from charter_engine.triton.errors import TritonError, TritonRefused
from charter_engine.triton.journal import Journal
from charter_engine.triton.journal_records import (
    Pending,
    Record,
    contents_of,
    lineage_of,
    raw_of,
    texts_of,
)
from charter_engine.triton.sealed import Damaged, read_sealed
from tests.small_disk import fill, make_room, small_disk


def record(number: int, **changes: object) -> Record:
    revision = Revision(
        number=number, created_at=1.0, deployment="d", agent="a.py", plan=Plan(agent="a.py")
    )
    return Record(revision=msgspec.structs.replace(revision, **changes), files={"m": str(number)})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Revision 0 as found, and revision 1 live."""
    journal = Journal(tmp_path / "journal")
    with journal.locked():
        journal.keep_found(record(0))
        journal.commit(record(1))
        journal.save(record(0, state="superseded"))
    return journal


def revisions(journal: Journal) -> Path:
    return journal.directory / "revisions"


def test_one_pusher_at_a_time_is_admitted_and_the_other_hears_who_pushes(journal: Journal) -> None:
    with (
        journal.locked(),
        pytest.raises(TritonRefused, match=r"another push .*process \d+ of .+ on .+, since \d\d:"),
        Journal(journal.directory).locked(),
    ):
        pass


@pytest.mark.parametrize("refused", [lambda _: None, lambda made: made.keep_found(record(0))])
def test_a_push_that_was_refused_before_it_began_leaves_no_journal(
    tmp_path: Path, refused: Callable[[Journal], None]
) -> None:
    made = Journal(tmp_path / "journal")
    with pytest.raises(TritonRefused), made.locked():
        refused(made)
        raise TritonRefused("the plan is another agent's")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lost", ["000000.json", "000001.json", "*.json"])
def test_a_journal_that_lost_revisions_is_no_empty_one(journal: Journal, lost: str) -> None:
    for path in revisions(journal).glob(lost):
        path.unlink()
    with journal.locked():
        pass
    assert (journal.directory / "live.json").exists()


def test_a_lock_whose_file_went_before_it_was_had_guards_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = journal.directory / "lock"
    monkeypatch.setattr(fcntl, "flock", lambda *_: lock.unlink())
    with pytest.raises(TritonRefused, match="in progress"), journal.locked():
        pass


def test_a_journal_is_closed_to_other_users(journal: Journal) -> None:
    kept = [path for path in journal.directory.rglob("*.json") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(journal.directory.stat().st_mode) == 0o700


def test_a_full_disk_is_named_with_the_file_and_leaves_the_revision_that_stands(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        journal = Journal(disk / "journal")
        with journal.locked():
            journal.keep_found(record(0))
            journal.commit(record(1))
        fill(disk)
        with (
            pytest.raises(TritonError, match=r"/revisions/.*No space left .*make room"),
            journal.locked(),
        ):
            journal.commit(record(2))
        make_room(disk)
        current = journal.current()
        assert current is not None
        assert current.revision.number == 1
        with journal.locked():
            journal.commit(record(2))


def test_a_damaged_file_is_named(journal: Journal) -> None:
    (revisions(journal) / "000001.json").write_text("{")
    with pytest.raises(Damaged, match=r"000001\.json is damaged"):
        journal.record(1)


def test_a_changed_byte_is_damage(journal: Journal) -> None:
    path = revisions(journal) / "000001.json"
    path.write_bytes(path.read_bytes().replace(b'"m":"1"', b'"m":"2"'))
    with pytest.raises(Damaged, match="checksum"):
        journal.record(1)


def test_a_damaged_revision_is_listed_and_does_not_hide_the_others(journal: Journal) -> None:
    (revisions(journal) / "000000.json").write_bytes(b"")
    (revisions(journal) / "000002.json").write_bytes(b"")
    assert [item.number for item in journal.history()] == [0, 1, 2]
    assert "damaged" in journal.history()[2].note


def test_revision_0_survives_damage_to_its_file(journal: Journal) -> None:
    (revisions(journal) / "000000.json").write_bytes(b"")
    found = journal.record(0)
    assert found is not None and found.files == {"m": "0"}


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_which_revision_is_live_survives_the_loss_of_its_number(
    journal: Journal, content: bytes | None
) -> None:
    path = journal.directory / "live.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    live = journal.current()
    assert live is not None and live.revision.number == 1


def test_revision_0_is_never_taken_anew(journal: Journal) -> None:
    with pytest.raises(Damaged, match="knows revisions of this deployment"):
        journal.keep_found(record(0, note="found again"))


def test_files_that_are_no_revisions_are_passed_over(journal: Journal) -> None:
    (revisions(journal) / "notes.json").write_text("mine")
    (revisions(journal) / "000001.json.orig").write_text("mine")
    assert journal.numbers() == [0, 1]


def test_a_journal_without_checksums_is_read(tmp_path: Path) -> None:
    (tmp_path / "revisions").mkdir()
    (tmp_path / "revisions" / "000003.json").write_bytes(msgspec.json.encode(record(3)))
    (tmp_path / "live.json").write_text("3")
    assert Journal(tmp_path).current() == record(3)


def test_a_push_that_was_cut_short_is_in_the_history(journal: Journal) -> None:
    journal.begin(Pending(number=2, parent=1, files={}), record(2))
    listed = journal.history()[-1]
    assert (listed.number, listed.state) == (2, "pending")
    assert "cut short" in listed.note


def test_a_push_in_progress_is_not_called_cut_short(journal: Journal) -> None:
    with journal.locked():
        journal.begin(Pending(number=2, parent=1, files={}), record(2))
        assert journal.history()[-1].note == ""


def test_contents_that_are_no_text_come_back_as_they_were() -> None:
    contents = {"config": b"# caf\xe9", "plan": b"{}", "gone": None}
    kept = Record(revision=record(1).revision, files=texts_of(contents), raw=raw_of(contents))
    read = msgspec.json.decode(msgspec.json.encode(kept), type=Record)
    assert contents_of(read) == contents


def test_a_revision_pushed_on_another_parent_than_is_on_record_says_so(journal: Journal) -> None:
    parent = journal.record(1)
    assert parent is not None
    journal.commit(record(2, parent=1, parent_checksum=lineage_of(parent)))
    assert journal.history()[-1].note == ""
    journal.save(msgspec.structs.replace(parent, files={"m": "another"}))
    assert journal.history()[-1].note == "revision 1 is not the one it was pushed on"


def test_a_parent_is_the_same_whatever_became_of_it(journal: Journal) -> None:
    parent = journal.record(1)
    assert parent is not None
    journal.commit(record(2, parent=1, parent_checksum=lineage_of(parent)))
    journal.save(record(1, state="rolled back", note="slow"))
    journal.keep_figures(1, ServedFigures(begin=1.0, end=2.0, requests=3))
    assert journal.history()[-1].note == ""


def test_a_damaged_pending_push_is_put_together_from_the_revisions(journal: Journal) -> None:
    journal.begin(Pending(number=2, parent=1, files={"m": "1"}), record(2))
    (journal.directory / "pending.json").write_bytes(b"half a")
    found = journal.interrupted()
    assert found is not None
    assert (found.number, found.parent, found.files) == (2, 1, {"m": "1"})
    assert "cut short" in journal.history()[-1].note


def test_a_damaged_pending_push_that_put_nothing_on_record_takes_nothing_back(
    journal: Journal,
) -> None:
    (journal.directory / "pending.json").write_bytes(b"")
    found = journal.interrupted()
    assert found is not None and (found.number, found.files) == (2, {})


def test_where_nobody_knows_what_was_live_no_push_is_taken_back(journal: Journal) -> None:
    journal.begin(Pending(number=2, parent=1, files={"m": "1"}), record(2))
    for name in ("pending.json", "revisions/000001.json"):
        (journal.directory / name).write_bytes(b"{")
    with pytest.raises(Damaged):
        journal.interrupted()
    assert [item.number for item in journal.history()] == [0, 1, 2]


def test_mending_sets_damaged_revisions_aside_and_their_numbers_stay_taken(
    journal: Journal,
) -> None:
    journal.commit(record(2))
    (revisions(journal) / "000001.json").write_bytes(b"{")
    (journal.directory / "live.json").write_bytes(b"")
    assert len(list(journal.mend())) == 2
    assert journal.numbers() == [0, 1, 2]
    assert "set aside" in journal.history()[1].note
    live = journal.current()
    assert live is not None and live.revision.number == 2
    assert list(journal.mend()) == []


@pytest.mark.parametrize("broken", ["revisions/000000.json", "found.json"])
def test_mending_writes_revision_0_again_from_its_other_copy(journal: Journal, broken: str) -> None:
    (journal.directory / broken).write_bytes(b"{")
    list(journal.mend())
    content = read_sealed(journal.directory / broken, Record)
    assert content is not None and content.files == {"m": "0"}


@pytest.mark.parametrize("mended", [False, True])
def test_a_lost_live_revision_is_known_as_lost(journal: Journal, mended: bool) -> None:
    (revisions(journal) / "000001.json").write_bytes(b"{")
    if mended:
        list(journal.mend())
    assert journal.lost_live


def test_a_live_revision_that_can_be_read_is_not_lost(journal: Journal) -> None:
    assert not journal.lost_live
