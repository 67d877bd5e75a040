"""What undoing the last push goes back to."""

from charter_engine.contracts.deploy import Revision, undone
from charter_engine.contracts.plan import Plan


def revision(number: int, parent: int, restores: int | None = None) -> Revision:
    return Revision(
        number=number,
        created_at=1.0,
        deployment="d",
        agent="a.py",
        plan=Plan(agent="a.py"),
        parent=parent,
        restores=restores,
    )


def test_one_undo_after_another_goes_further_back_and_never_forward() -> None:
    pushed = [revision(1, 0), revision(2, 1), revision(3, 2)]
    assert undone(pushed, 3) == 2
    once = [*pushed, revision(4, 3, restores=2)]
    assert undone(once, 4) == 1
    twice = [*once, revision(5, 4, restores=1)]
    assert undone(twice, 5) == 0
    assert undone([*twice, revision(6, 5, restores=0)], 6) is None


def test_a_push_behind_an_undo_is_undone_first() -> None:
    pushed = [revision(1, 0), revision(2, 1), revision(3, 2, restores=1), revision(4, 3)]
    assert undone(pushed, 4) == 3
    assert undone([*pushed, revision(5, 4, restores=3)], 5) == 0


def test_nothing_is_undone_where_nothing_was_pushed() -> None:
    assert undone([], 0) is None
